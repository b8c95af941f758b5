# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Our nodes in federations of a stock ServerApp and a SuperLink, stock's or ours, over each wire."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from conftest import GRPC, GRPC_OLD, HTTP, OURS_GRPC, OURS_HTTP
from support.nodes import NodeOptions, Nodes, StockNodes
from support.rounds import assert_close, assert_federated_average, assert_metrics_averaged
from support.stock import SuperLink

WIRES = [HTTP, GRPC, GRPC_OLD, OURS_HTTP, OURS_GRPC]
pytestmark = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name, indirect=True)

ROUNDS = 2


def test_fedavg(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """Message-based FedAvg: train and evaluate replies are complete, and each global model is their average."""
    joined = nodes.start_all(superlink, [NodeOptions(partition=0), NodeOptions(partition=1)])
    ids = {node.node_id for node in joined}

    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": ROUNDS})

    assert_federated_average(rounds, ROUNDS, ids)
    for number in rounds.numbers:
        assert_metrics_averaged(rounds, number, "train", "train_loss")
        assert {reply.node_id for reply in rounds.replies(number, "evaluate")} == ids
        assert_metrics_averaged(rounds, number, "evaluate", "eval_loss")
        assert_metrics_averaged(rounds, number, "evaluate", "eval_acc")
    first, last = rounds.metrics(1, "evaluate"), rounds.metrics(ROUNDS, "evaluate")
    assert first and last and 0 < last["eval_loss"] < first["eval_loss"], "the global model did not get better"


def test_legacy_fedavg(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """A server_fn ServerApp: the first model comes from a node, and each global model is the average of the fits."""
    joined = nodes.start_all(superlink, [NodeOptions(partition=0), NodeOptions(partition=1)])
    ids = {node.node_id for node in joined}

    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": ROUNDS}, kind="legacy")

    assert [array.shape for array in rounds.sent(1).values()][:2] == [(6, 1, 5, 5), (6,)]
    assert_federated_average(rounds, ROUNDS, ids)
    for number in rounds.numbers:
        assert {reply.node_id for reply in rounds.replies(number, "evaluate")} == ids
        assert_metrics_averaged(rounds, number, "evaluate", "eval_loss")


def test_together_with_python_nodes(superlink: SuperLink, nodes: Nodes, python_nodes: StockNodes, tmp_path: Path) -> None:
    """Our node and a stock SuperNode train with PyTorch in one run, and judge the same model on the same data alike."""
    ours, theirs = nodes.start(superlink, NodeOptions(partition=0)), python_nodes.start(superlink, NodeOptions(partition=0))

    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": 1, "trainer": "torch", "samples": 500})

    assert_federated_average(rounds, 1, {ours.node_id, theirs.node_id})
    trained = {reply.node_id: reply for reply in rounds.replies(1)}
    assert trained[ours.node_id].num_examples == trained[theirs.node_id].num_examples == 400
    judged = {reply.node_id: reply for reply in rounds.replies(1, "evaluate")}
    assert judged[ours.node_id].num_examples == judged[theirs.node_id].num_examples == 100
    assert judged[ours.node_id].metrics == pytest.approx(judged[theirs.node_id].metrics, rel=1e-4)
    # One round from one model on one partition: the order of the images may differ, what they teach does not.
    assert_close(rounds.received(1, ours.node_id), rounds.received(1, theirs.node_id), tolerance=0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_leaving(superlink: SuperLink, nodes: Nodes, number: signal.Signals) -> None:
    """A node that is asked to end signs off, exits with 0, and takes its registration along."""
    node = nodes.start(superlink, NodeOptions())
    assert superlink.nodes().get(node.node_id) == "online"
    assert node.stop(number) == 0
    assert node.node_id not in superlink.nodes()
