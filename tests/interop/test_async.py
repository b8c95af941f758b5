# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""What our server does about slow and lost nodes: asynchronous rounds with stock SuperNodes, and places that are given away."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import LATEST
from support.nodes import NodeOptions, StockNodes
from support.processes import Process, ProcessError
from support.stock import Stock
from support.venvs import INTEROP

BINARIES = Path(os.environ.get("FLWRCPP_BIN", ".")).resolve()


@dataclass(frozen=True)
class Round:
    """A line of interop_server."""

    partitions: list[int]  # whose updates there were
    failures: int
    value: float


class Programs:
    """Starts our programs in one folder; all are gone when the test ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[Process] = []

    def start(self, name: str, *arguments: object) -> Process:
        path = BINARIES / name
        if not os.access(path, os.X_OK):
            raise ProcessError(f"{path} does not exist: build it, or let FLWRCPP_BIN name the folder where it is")
        process = Process(name, [path, *map(str, arguments)], self.folder, env={"OMP_NUM_THREADS": "1"})
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for process in self._processes:
            process.ask_to_end()
        for process in self._processes:
            process.stop()


@dataclass(frozen=True)
class Reachable:
    """What a SuperNode has to know of a SuperLink."""

    fleet_address: str
    wire: str = "http"


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    made = Programs(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def fab(stock: Callable[[str], Stock], tmp_path: Path) -> Path:
    """The app whose ClientApp stock SuperNodes run."""
    app = shutil.copytree(INTEROP / "stock_app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    flower = stock(LATEST)
    built = Process("flwr-build", [flower.program("flwr"), "build", "--app", app], tmp_path, env=flower.environment(tmp_path / "home"))
    assert built.wait(60) == 0, built.tail()
    (made,) = tmp_path.glob("*.fab")
    return made


def address_of(server: Process) -> str:
    return server.wait_for_line(r"^Fleet API \(http\) listening on (\S+)$", 60, stream="out")[1]


def rounds_of(server: Process) -> list[Round]:
    lines = re.findall(r"^round \d+: examples ([\d ]*), (\d+) failures, \d+ late, value (\S+)$", server.output("out"), re.M)
    return [Round([int(n) // 10 - 1 for n in examples.split()], int(failures), float(value)) for examples, failures, value in lines]


def test_a_killed_stock_node_does_not_hold_up_fedbuff(programs: Programs, python_nodes: StockNodes, fab: Path) -> None:
    """The killed node counts as online for long after; the other two make every version."""
    server = programs.start(
        "interop_server", "--strategy", "FedBuff", "--parameter", "buffer_size=2", "--rounds", 4, "--min-nodes", 3,
        "--fab", fab, "--fault", "sleep", "--fault-partition", 2, "--fault-seconds", 3600,
    )
    reachable = Reachable(address_of(server))
    nodes = [python_nodes.launch(reachable, NodeOptions(partition=partition, partitions=3)) for partition in range(3)]
    nodes[2].wait_for_line("fault sleep begins on partition 2", 120)

    nodes[2].kill()

    assert server.wait(240) == 0, server.tail()
    rounds = rounds_of(server)
    assert len(rounds) == 4
    assert all(len(each.partitions) == 2 and set(each.partitions) <= {0, 1} for each in rounds), rounds
    assert {partition for each in rounds for partition in each.partitions} == {0, 1}
    assert rounds[0].value > 0


def test_the_place_of_a_killed_node_is_taken_by_another(programs: Programs) -> None:
    """The server notices after at most two heartbeats, and asks the node that came meanwhile."""
    server = programs.start("interop_server", "--rounds", 1, "--min-nodes", 1, "--max-redispatches", 1)
    address = address_of(server)
    dies = programs.start("interop_node", "--insecure", "--superlink", address, "--node-config", "partition-id=1 fault=sleep")
    dies.wait_for_line("fault sleep begins on partition 1", 60, stream="out")
    takes = programs.start("interop_node", "--insecure", "--superlink", address, "--node-config", "partition-id=0")
    takes.wait_for_line(r"^Node \d+ connected", 30, stream="out")

    dies.kill()

    assert server.wait(120) == 0, server.tail()
    (only,) = rounds_of(server)
    assert only.partitions == [0]
    assert only.failures == 1
    assert only.value == pytest.approx(0.001, rel=1e-6)  # half of nothing, and the first step of partition 0
