# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""What a stock ServerApp sees when our nodes fail, and what our nodes do when a run is stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import GRPC, HTTP, OURS_HTTP
from support.nodes import NodeOptions, Nodes
from support.processes import wait_until
from support.rounds import assert_close, assert_federated_average
from support.stock import SuperLink

# Error codes of the framework.
CLIENT_APP_RAISED_EXCEPTION = 2
NODE_UNAVAILABLE = 5

# A test node that does simple arithmetic and fails when the instruction's config says so: stock_app/cnnapp/drift.py.
TEST_NODE = "interop_node"

each_superlink = pytest.mark.parametrize("wire", [HTTP, GRPC, OURS_HTTP], ids=lambda wire: wire.name, indirect=True)
over_http = pytest.mark.parametrize("wire", [HTTP, OURS_HTTP], ids=lambda wire: wire.name, indirect=True)


@each_superlink
def test_handler_throws(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """The ServerApp gets code 2 and the reason, the other node's work counts, and the node goes on to evaluate."""
    good, bad = nodes.start_all(superlink, [NodeOptions(partition=0), NodeOptions(partition=1)], TEST_NODE)

    config = {"num-server-rounds": 1, "fault": "throw", "fault-partition": 1}
    rounds = superlink.run(tmp_path / "run", config)

    replies = {reply.node_id: reply for reply in rounds.replies(1)}
    assert set(replies) == {good.node_id, bad.node_id}
    assert replies[bad.node_id].error_code == CLIENT_APP_RAISED_EXCEPTION
    assert "interop fault on partition 1" in replies[bad.node_id].error_reason
    assert replies[good.node_id].error_code is None
    assert_close(rounds.aggregate(1), rounds.received(1, good.node_id))
    judged = {reply.node_id: reply.error_code for reply in rounds.replies(1, "evaluate")}
    assert judged == {good.node_id: None, bad.node_id: None}


@over_http
def test_model_does_not_fit(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """The client application cannot load the model that it gets: error 2 that names the missing array."""
    node = nodes.start(superlink, NodeOptions())
    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": 1, "min-nodes": 1, "drop-array": "fc3.bias"})
    (reply,) = rounds.replies(1)
    assert (reply.node_id, reply.error_code) == (node.node_id, CLIENT_APP_RAISED_EXCEPTION)
    assert "fc3.bias" in reply.error_reason
    (reply,) = rounds.replies(1, "evaluate")
    assert (reply.node_id, reply.error_code) == (node.node_id, CLIENT_APP_RAISED_EXCEPTION)


@each_superlink
def test_run_stopped_while_training(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """`flwr stop` in the middle of a round: the node drops the work, stays, and serves the next run."""
    node = nodes.start(superlink, NodeOptions(), TEST_NODE)
    config = {"num-server-rounds": 1, "min-nodes": 1, "evaluate": False}
    run = superlink.start_run(tmp_path / "first", config | {"fault": "sleep", "fault-partition": 0, "fault-seconds": 60.0})
    node.process.wait_for_line("fault sleep begins on partition 0", timeout=60)

    run.stop()

    assert run.wait() == "finished:stopped"
    rounds = superlink.run(tmp_path / "second", config)
    assert_federated_average(rounds, 1, {node.node_id})
    assert run.rounds.numbers == [], "the stopped run went on"
    assert node.process.returncode is None
    assert superlink.nodes() == {node.node_id: "online"}


@over_http
def test_node_dies_while_training(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """A node killed in the middle of its training: code 5 after at most two heartbeats, and the run goes on without it."""
    stays, dies = nodes.start_all(superlink, [NodeOptions(partition=0), NodeOptions(partition=1)], TEST_NODE)
    fault = {"fault": "sleep", "fault-partition": 1, "fault-seconds": 600.0}
    # One node is enough for the ServerApp; the first round gets both, since both have joined.
    run = superlink.start_run(tmp_path / "run", {"num-server-rounds": 2, "min-nodes": 1, "evaluate": False, **fault})
    dies.process.wait_for_line("fault sleep begins on partition 1", timeout=60)

    dies.crash()

    wait_until(lambda: run.rounds.numbers, 100, "the first round to end without the node")
    replies = run.rounds.replies(1)
    assert [reply.node_id for reply in replies if reply.error_code is None] == [stays.node_id]
    # The SuperLink writes the other reply in the node's place, under an id of its own.
    assert [reply.error_code for reply in replies if reply.node_id != stays.node_id] == [NODE_UNAVAILABLE]
    assert_close(run.rounds.aggregate(1), run.rounds.received(1, stays.node_id))
    assert run.wait() == "finished:completed"
    assert {reply.node_id for reply in run.rounds.replies(2)} == {stays.node_id}
