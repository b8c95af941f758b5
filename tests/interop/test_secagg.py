# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Secure aggregation with stock peers: a stock workflow with our nodes, ours with stock nodes, mixed, and with drop-outs.

What the nodes send can be seen by nobody, so the mean is compared with what NumPy makes of their arithmetic.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import HTTP, OURS_HTTP
from support.nodes import NodeOptions, Nodes, StockNodes
from support.programs import Programs, Reachable, address_of
from support.rounds import Arrays, Rounds, drifted, saved_model, weighted_average
from support.stock import SuperLink

STAGES = ("setup", "share_keys", "collect_masked_vectors", "unmask")
MAX_WEIGHT = 100.0
MOD = ("--mod", "secaggplus_mod")
TIMEOUT = 120.0


def options(partition: int, nodes: int, drop_out: int | None = None, *, ours: bool = True) -> NodeOptions:
    config = "" if drop_out is None else f"drop-out-stage={drop_out}"
    return NodeOptions(partition=partition, partitions=nodes, config=config, extra=MOD if ours else ())


def plain_mean(before: Arrays, number: int, partitions: set[int]) -> Arrays:
    return weighted_average([(drifted(before, p, number), 10 * (p + 1)) for p in partitions])


def assert_plain_mean(after: Arrays, before: Arrays, number: int, partitions: set[int]) -> None:
    """Equal but for the quantization: at most one and a half of its steps for each node, over their weights."""
    tolerance = 1.5 * len(partitions) * (16 / 2**22) * MAX_WEIGHT / sum(10 * (p + 1) for p in partitions)
    expected = plain_mean(before, number, partitions)
    assert list(after) == list(expected)
    for name, array in after.items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=tolerance, err_msg=f"round {number}, {name}")
        moved = np.abs(expected[name] - before[name]).max()
        assert moved > 3 * tolerance, f"round {number}, {name}: a model that stayed the same would pass as well"


def run_stock_workflow(superlink: SuperLink, folder: Path, nodes: int, threshold: int, num_shares: int = 1) -> Rounds:
    config = {"num-server-rounds": 2, "min-nodes": nodes, "num-shares": num_shares, "threshold": threshold}
    return superlink.run(folder, {**config, "max-weight": MAX_WEIGHT}, kind="secagg")


def assert_rounds(rounds: Rounds, partitions: set[int], ids: set[int]) -> None:
    assert rounds.numbers == [1, 2]
    for number in rounds.numbers:
        assert {reply.node_id for reply in rounds.replies(number) if reply.error_code is None} == ids
        assert_plain_mean(rounds.aggregate(number), rounds.sent(number), number, partitions)


@pytest.mark.parametrize("wire", [HTTP, OURS_HTTP], ids=lambda wire: wire.name, indirect=True)
def test_our_nodes_under_the_stock_workflow(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    joined = nodes.start_all(superlink, [options(p, 3) for p in range(3)], "interop_node")
    rounds = run_stock_workflow(superlink, tmp_path / "run", 3, threshold=2)
    assert_rounds(rounds, {0, 1, 2}, {node.node_id for node in joined})


def test_few_neighbours_under_the_stock_workflow(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    joined = nodes.start_all(superlink, [options(p, 7) for p in range(7)], "interop_node")
    rounds = run_stock_workflow(superlink, tmp_path / "run", 7, threshold=2, num_shares=3)
    assert_rounds(rounds, set(range(7)), {node.node_id for node in joined})


def test_mixed_nodes_under_the_stock_workflow(
    superlink: SuperLink, nodes: Nodes, python_nodes: StockNodes, tmp_path: Path
) -> None:
    theirs = python_nodes.start_all(superlink, [options(p, 4, ours=False) for p in (0, 2)])
    ours = nodes.start_all(superlink, [options(p, 4) for p in (1, 3)], "interop_node")
    rounds = run_stock_workflow(superlink, tmp_path / "run", 4, threshold=3)
    assert_rounds(rounds, {0, 1, 2, 3}, {node.node_id for node in ours + theirs})


@pytest.mark.parametrize("stage", STAGES)
def test_drop_out_of_ours_under_the_stock_workflow(
    superlink: SuperLink, nodes: Nodes, python_nodes: StockNodes, tmp_path: Path, stage: str
) -> None:
    """The stock workflow takes drop-outs from the third stage on. Before, it asks for shares that nobody has, and halts."""
    number = STAGES.index(stage)
    python_nodes.start(superlink, options(0, 4, ours=False))
    nodes.start_all(superlink, [options(1, 4, number), options(2, 4), options(3, 4)], "interop_node")
    rounds = run_stock_workflow(superlink, tmp_path / "run", 4, threshold=3)
    if number < 2:
        assert rounds.numbers == []
        return
    assert rounds.numbers == [1, 2]
    left = {0, 2, 3} if number == 2 else {0, 1, 2, 3}
    for each in rounds.numbers:
        assert_plain_mean(rounds.aggregate(each), rounds.sent(each), each, left)


class Server:
    """Our server of secure aggregation, and what it wrote down."""

    def __init__(self, programs: Programs, fab: Path, nodes: int, threshold: int, *more: object) -> None:
        self.out = programs.out
        arguments = ["--fab", fab, "--nodes", nodes, "--threshold", threshold, "--max-weight", MAX_WEIGHT, "--out", self.out]
        self.process = programs.start("secagg_server", *arguments, *more)
        self.at = Reachable(address_of(self.process))

    def wait(self) -> None:
        assert self.process.wait(TIMEOUT) == 0, self.process.tail(80)
        assert (self.out / "finished").exists()

    def model(self, number: int) -> Arrays:
        return saved_model(self.out, number)

    def assert_plain_means(self, partitions: set[int]) -> None:
        for number in (1, 2):
            assert all(array.dtype == np.float32 for array in self.model(number).values())
            assert_plain_mean(self.model(number), self.model(number - 1), number, partitions)


@pytest.fixture
def serve(programs: Programs, fab: Callable[..., Path]) -> Callable[..., Server]:
    """Starts our server with a number of nodes, a threshold and more options; stock nodes get the client behind stock secaggplus_mod."""
    return functools.partial(Server, programs, fab("secagg"))


def test_stock_nodes_under_our_workflow(serve: Callable[..., Server], python_nodes: StockNodes) -> None:
    server = serve(3, 2)
    for partition in range(3):
        python_nodes.launch(server.at, options(partition, 3, ours=False))
    server.wait()
    server.assert_plain_means({0, 1, 2})


def test_mixed_nodes_with_few_neighbours_under_our_workflow(
    serve: Callable[..., Server], nodes: Nodes, python_nodes: StockNodes
) -> None:
    """An even number of shares becomes the next odd one, with which stock nodes work as well."""
    server = serve(6, 2, "--num-shares", 4)
    for partition in (0, 1):
        python_nodes.launch(server.at, options(partition, 6, ours=False))
    for partition in (2, 3, 4, 5):
        nodes.launch(server.at, options(partition, 6), "interop_node")
    server.wait()
    server.assert_plain_means(set(range(6)))


@pytest.mark.parametrize("stage", STAGES)
def test_drop_outs_under_our_workflow(
    serve: Callable[..., Server], nodes: Nodes, python_nodes: StockNodes, stage: str
) -> None:
    """One of ours and a stock one drop out in the same stage of each round; both kinds go on."""
    number = STAGES.index(stage)
    server = serve(5, 3)
    for partition, drop_out in ((0, None), (1, number)):
        python_nodes.launch(server.at, options(partition, 5, drop_out, ours=False))
    for partition, drop_out in ((2, None), (3, number), (4, None)):
        nodes.launch(server.at, options(partition, 5, drop_out), "interop_node")
    server.wait()
    server.assert_plain_means({0, 2, 4} if number < 3 else {0, 1, 2, 3, 4})


def test_node_that_dies_while_it_trains(serve: Callable[..., Server], nodes: Nodes) -> None:
    """The stage's time is up, the others' shares take its masks off; the next round begins without it."""
    server = serve(4, 3, "--rounds", 1, "--stage-timeout", 5)
    dies = nodes.launch(server.at, NodeOptions(partition=3, partitions=4, config="fault=sleep", extra=MOD), "interop_node")
    for partition in range(3):
        nodes.launch(server.at, options(partition, 4), "interop_node")
    dies.wait_for_line("fault sleep begins on partition 3", 60, stream="out")
    dies.kill()
    server.wait()
    assert_plain_mean(server.model(1), server.model(0), 1, {0, 1, 2})


def test_too_few_nodes_leave_the_model(serve: Callable[..., Server], nodes: Nodes) -> None:
    server = serve(3, 3)
    for partition, drop_out in ((0, None), (1, None), (2, 2)):
        nodes.launch(server.at, options(partition, 3, drop_out), "interop_node")
    server.wait()
    for name, array in server.model(2).items():
        np.testing.assert_array_equal(array, server.model(0)[name])
    server.process.wait_for_line(r"secure aggregation halted: .* the threshold is 3", 1)
