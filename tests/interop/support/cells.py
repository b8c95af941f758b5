# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The cells of the interop matrix: what a test of test_matrix.py stands for, and what became of it."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .releases import LATEST, SAMPLE, Release

if TYPE_CHECKING:
    import pytest

# What a release is tried as, with the words of the tables.
ROLES = {
    "node": "our node, its SuperLink",
    "superlink": "its SuperNode, our SuperLink",
    "apps": "its ServerApp, our SuperLink",
    "cli": "its `flwr`, our SuperLink",
    "serverapp": "our ServerApp, its SuperLink",
    "classic": "classic stream, both ways",
}

# Who are node, SuperLink and ServerApp in a federation of the latest release.
SIDES = ("C++", "stock")
COMBINATIONS = [(node, superlink, server_app) for node in SIDES for superlink in SIDES for server_app in SIDES]

# A federation of nodes of all these and ours.
FEDERATION = (*SAMPLE, LATEST)


def combination_name(sides: tuple[str, str, str]) -> str:
    return " × ".join(sides)


def has_role(release: str, role: str) -> bool:
    """Whether the release has what the role needs; earlier ones have another API in its place."""
    traits = Release.of(release)
    if role in ("apps", "serverapp"):
        return traits.has_runtime_api
    return traits.has_http_control if role == "cli" else True


class CellReport:
    """A pytest plugin that writes down the cells: release, role, result, reason, date and seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        about = dict(report.user_properties).get("cell")
        # What is torn down counts as well: a program that ended badly is no pass.
        if about is None or (report.when != "call" and report.passed):
            return
        result = {"passed": "passed", "failed": "failed", "skipped": "not run"}[report.outcome]
        cell = {**about, "result": result, "reason": _reason(report), "seconds": round(report.duration, 1)}
        cell["date"] = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        self._cells = [each for each in self._cells if (each["release"], each["role"]) != (cell["release"], cell["role"])]
        self._cells.append(cell)

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps(self._cells, indent=1, ensure_ascii=False) + "\n")


def _reason(report: pytest.TestReport) -> str:
    """Why it did not pass, in one line: what the test missed, and the first complaint of a program if there is one."""
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    lines = text.splitlines() or ["failed without a word"]
    complaints = [line for line in lines[1:] if re.match(r"error: |ERROR ", line)]
    # Without the name of the exception's class.
    missed = re.sub(r"^[\w.]*(Error|Exception): ", "", lines[0])
    return "; ".join([missed, *complaints[:1]])[:400]
