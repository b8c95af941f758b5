# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""What our server does about slow and lost nodes: asynchronous rounds with stock SuperNodes, and places that are given away."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.nodes import NodeOptions, StockNodes
from support.processes import Process
from support.programs import Programs, Reachable, address_of


@dataclass(frozen=True)
class Round:
    """A line of interop_server."""

    partitions: list[int]  # whose updates there were
    failures: int
    value: float


def rounds_of(server: Process) -> list[Round]:
    lines = re.findall(r"^round \d+: examples ([\d ]*), (\d+) failures, \d+ late, value (\S+)$", server.output("out"), re.M)
    return [Round([int(n) // 10 - 1 for n in examples.split()], int(failures), float(value)) for examples, failures, value in lines]


def test_a_killed_stock_node_does_not_hold_up_fedbuff(programs: Programs, python_nodes: StockNodes, fab: Callable[..., Path]) -> None:
    """The killed node counts as online for long after; the other two make every version."""
    server = programs.start(
        "interop_server", "--strategy", "FedBuff", "--parameter", "buffer_size=2", "--rounds", 4, "--min-nodes", 3,
        "--fab", fab(), "--fault", "sleep", "--fault-partition", 2, "--fault-seconds", 3600,
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
    dies = programs.node(address, 1, config="fault=sleep")
    dies.wait_for_line("fault sleep begins on partition 1", 60, stream="out")
    takes = programs.node(address, 0)
    takes.wait_for_line(r"^Node \d+ connected", 30, stream="out")

    dies.kill()

    assert server.wait(120) == 0, server.tail()
    (only,) = rounds_of(server)
    assert only.partitions == [0]
    assert only.failures == 1
    assert only.value == pytest.approx(0.001, rel=1e-6)  # half of nothing, and the first step of partition 0
