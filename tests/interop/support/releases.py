# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Releases of Flower, and everything in which they differ for who starts their programs.

No other file of the suite compares release numbers. A release that is not listed here, newer than all of these, is
treated like the newest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The last patch of every minor release that we claim to work with, oldest first.
ALL = (
    "1.20.0", "1.21.0", "1.22.0", "1.23.0", "1.24.0", "1.25.0", "1.26.1", "1.27.0", "1.28.0", "1.29.0", "1.30.0", "1.31.0",
    "1.32.1", "1.33.0", "1.34.0", "1.35.0", "1.36.0", "1.37.0", "1.38.0", "1.39.0", "1.40.0", "1.41.0", "1.42.0",
)  # fmt: skip
LATEST = ALL[-1]
LAST_WITH_GRPC_NODES = "1.39.0"

# The release before the oldest of these, whose nodes and SuperLinks are to be refused with a clear word. It is the hardest to
# tell from those that work.
TOO_OLD = "1.19.0"

# Whose node and SuperLink are tried in every run of the tests, besides LATEST.
SAMPLE = ("1.23.0", "1.30.0", "1.39.0", "1.40.0")


def find(text: str) -> str:
    """The release that a user means: `1.30` is the last patch of that minor release, anything else itself."""
    return next((release for release in reversed(ALL) if release.startswith(f"{text}.")), text)


@dataclass(frozen=True, order=True)
class Release:
    """What is peculiar to a release."""

    major: int
    minor: int

    @classmethod
    def of(cls, version: str) -> Release:
        major, minor = version.split(".")[:2]
        return cls(int(major), int(minor))

    def since(self, version: str) -> bool:
        return self >= Release.of(version)

    @property
    def wire(self) -> str:
        """What its nodes and its SuperLink speak with each other."""
        return "http" if self.since("1.40") else "grpc"

    @property
    def has_strategies(self) -> bool:
        """Whether it has the message-based strategies; before, ServerApps are of the legacy kind."""
        return self.since("1.21")

    @property
    def has_http_control(self) -> bool:
        """Whether its `flwr` speaks HTTP."""
        return self.since("1.37")

    @property
    def has_runtime_api(self) -> bool:
        """Whether its executors and ServerApps speak the Runtime API of today."""
        return self.since("1.40")

    @property
    def connects_by_project(self) -> bool:
        """Whether `flwr` finds SuperLinks in the app's pyproject.toml, not in a file of the user's."""
        return not self.since("1.26")

    @property
    def supernode_tells_its_id(self) -> bool:
        return self.since("1.24")

    def superlink_options(self, host: str, port: int, fleet_port: int, control_port: int) -> list[str]:
        """Where its SuperLink listens: what is not HTTP has ports of its own."""
        here = lambda number: f"{host}:{number}"  # noqa: E731
        # 1.33 and 1.34 have --host and --port too, but nothing that listens there.
        options = ["--host", host, "--port", str(port)] if self.since("1.35") else ["--serverappio-api-address", here(port)]
        if fleet_port != port:
            options += ["--fleet-api-address", here(fleet_port)]
        if control_port != port:
            options += ["--control-api-address" if self.since("1.21") else "--exec-api-address", here(control_port)]
        return options + (["--disable-runtime-dependency-installation"] if self.since("1.32") else [])

    def supernode_options(self, host: str, port: int) -> list[str]:
        """Where its SuperNode listens for the process of its ClientApp."""
        if self.since("1.35"):
            return ["--host", host, "--port", str(port)]
        return ["--clientappio-api-address", f"{host}:{port}"]

    def project_connection(self, address: str) -> str:
        """What an app's pyproject.toml says about the SuperLink called `local`."""
        if not self.connects_by_project:
            return ""
        return f'\n[tool.flwr.federations]\ndefault = "local"\n\n[tool.flwr.federations.local]\naddress = "{address}"\ninsecure = true\n'

    def cli_target(self, app: Path) -> list[str]:
        """How `flwr` is told which SuperLink is meant: one called `local`."""
        return [str(app), "local"] if self.connects_by_project else ["local"]
