# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Our programs under test: servers, SuperLinks and nodes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .processes import Process, ProcessError


def our_program(name: str) -> Path:
    """One of the programs in $FLWRCPP_BIN."""
    path = Path(os.environ.get("FLWRCPP_BIN", ".")).resolve() / name
    if not os.access(path, os.X_OK):
        raise ProcessError(f"{path} does not exist: build it, or let FLWRCPP_BIN name the folder where it is")
    return path


@dataclass(frozen=True)
class Reachable:
    """What a node has to know of a SuperLink."""

    fleet_address: str
    wire: str = "http"


def address_of(server: Process, wire: str = "http") -> str:
    """Where nodes join a server, or SuperLink, of ours."""
    return server.wait_for_line(rf"^Fleet API \({wire}\) listening on (\S+)$", 60, stream="out")[1]


class Programs:
    """Starts our programs in one folder, until `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self._processes: list[Process] = []

    def start(self, name: str, *arguments: object) -> Process:
        process = Process(name, [our_program(name), *map(str, arguments)], self.folder, env={"OMP_NUM_THREADS": "1"})
        self._processes.append(process)
        return process

    def server(self, *options: object, min_nodes: int = 2, security: tuple[object, ...] = ("--insecure",)) -> Process:
        return self.start("server_app", "--min-nodes", min_nodes, "--out", self.out, *security, *options)

    def superlink(self, *options: object) -> Process:
        return self.start("superlink", "--insecure", *options)

    def node(
        self, address: str, partition: int, *options: object, security: tuple[object, ...] = ("--insecure",), config: str = ""
    ) -> Process:
        """A node that drifts."""
        config = f"partition-id={partition} num-partitions=2 {config}".strip()
        return self.start("interop_node", "--superlink", address, "--node-config", config, *security, *options)

    def learner(self, address: str, partition: int, *options: object) -> Process:
        """A node that really trains; all have equally many samples, so that it does not matter which answers first."""
        config = f"partition-id={partition} num-partitions=3"
        return self.start("client_app", "--superlink", address, "--insecure", "--samples", 200, "--node-config", config, *options)

    def stop(self) -> None:
        for process in self._processes:
            process.ask_to_end()
        for process in self._processes:
            process.stop()
