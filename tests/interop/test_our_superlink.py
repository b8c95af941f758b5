# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Our SuperLink with stock Flower around it: runs side by side, crashes, executors from elsewhere, and the `flwr` command."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import LATEST
from support.nodes import NodeOptions, Nodes, StockNodes
from support.processes import Process, wait_until
from support.programs import our_program
from support.rounds import assert_federated_average
from support.stock import Stock, SuperLink

TEST_NODE = "interop_node"

Start = Callable[..., SuperLink]


@pytest.fixture
def start_superlink(stock: Callable[[str], Stock], tmp_path: Path) -> Iterator[Start]:
    """Starts SuperLinks, ours unless `program` says otherwise; all are gone when the test ends."""
    started: list[SuperLink] = []

    def start(name: str = "superlink", **options: Any) -> SuperLink:
        superlink = SuperLink(stock(LATEST), tmp_path / name, **{"program": our_program("superlink"), **options})
        started.append(superlink)
        return superlink

    yield start
    for superlink in started:
        superlink.stop()


def test_two_runs_at_once(start_superlink: Start, nodes: Nodes, python_nodes: StockNodes, tmp_path: Path) -> None:
    """Two runs share a C++ node and a stock one; each gets its own models, and both are right."""
    superlink = start_superlink()
    ours = nodes.start(superlink, NodeOptions(partition=0), TEST_NODE)
    theirs = python_nodes.start(superlink, NodeOptions(partition=1))

    first = superlink.start_run(tmp_path / "first", {"num-server-rounds": 2, "evaluate": False})
    second = superlink.start_run(tmp_path / "second", {"num-server-rounds": 3, "evaluate": False})

    assert [first.wait(), second.wait()] == ["finished:completed"] * 2
    assert_federated_average(first.rounds, 2, {ours.node_id, theirs.node_id})
    assert_federated_average(second.rounds, 3, {ours.node_id, theirs.node_id})


def test_killed_superlink_goes_on_with_its_runs(
    start_superlink: Start, nodes: Nodes, python_nodes: StockNodes, tmp_path: Path
) -> None:
    """The SuperLink dies in the middle of a run. Its executor, which proves itself by a secret, the ServerApp and the
    nodes live on, and with the next SuperLink on the same database the run ends as if nothing had happened."""
    secret = tmp_path / "secret"
    secret.write_bytes(secrets.token_bytes(32))
    superlink = start_superlink(extra=[
        "--database", tmp_path / "state.db", "--isolation", "process", "--superexec-auth-secret-file", secret,
    ])  # fmt: skip
    command = [superlink.stock.program("flower-superexec"), "--insecure", "--runtime-api-address", superlink.address]
    command += ["--superexec-auth-secret-file", secret]
    environment = superlink.stock.environment(tmp_path / "executor-home")
    executor = Process("superexec", command, tmp_path, env=environment)
    ours = nodes.start(superlink, NodeOptions(partition=0), TEST_NODE)
    theirs = python_nodes.start(superlink, NodeOptions(partition=1))
    rounds = 4
    run = superlink.start_run(tmp_path / "run", {"num-server-rounds": rounds, "evaluate": False})
    wait_until(lambda: len(run.rounds.numbers) >= 1, 90, "the first round")

    superlink.process.kill()
    assert len(run.rounds.numbers) < rounds, "the run was over before the SuperLink was killed"
    superlink.restart()

    wait_until(lambda: run.status() == "finished:completed", 120, "the run to complete")
    assert_federated_average(run.rounds, rounds, {ours.node_id, theirs.node_id})
    assert superlink.nodes() == {ours.node_id: "online", theirs.node_id: "online"}
    executor.stop()


def test_executor_without_the_secret_gets_no_run(start_superlink: Start, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(secrets.token_bytes(32))
    superlink = start_superlink(extra=["--isolation", "process", "--superexec-auth-secret-file", secret])
    run = superlink.start_run(tmp_path / "run", {})
    command = [superlink.stock.program("flower-superexec"), "--insecure", "--runtime-api-address", superlink.address]

    executor = Process("superexec", command, tmp_path, env=superlink.stock.environment(tmp_path / "executor-home"))

    executor.wait(60)
    assert run.status() == "pending"


def masked(value: Any) -> Any:
    """An answer of `flwr` without what differs from one SuperLink to the next: ids, keys, hashes, times and sizes."""
    if isinstance(value, dict):
        return {key: masked(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [masked(entry) for entry in value]
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?", "<time>", str(value))
    text = re.sub(r"^(\d+:)?\d\d:\d\d(:\d\d)?$", "<duration>", text)
    text = re.sub(r"[0-9a-f]{64}", "<hash>", text)
    return re.sub(r"\d+(\.\d+)?", "<number>", text)


def test_the_flwr_command_shows_what_it_shows_of_stock(start_superlink: Start, nodes: Nodes, tmp_path: Path) -> None:
    answers = []
    for program in (None, our_program("superlink")):
        name = "stock" if program is None else "ours"
        superlink = start_superlink(name, program=program)
        node = nodes.start(superlink, NodeOptions(), TEST_NODE)
        config = {"num-server-rounds": 1, "min-nodes": 1}
        superlink.run(tmp_path / f"{name}-completed", config)
        fault = {"fault": "sleep", "fault-partition": 0, "fault-seconds": 60.0}
        stopped = superlink.start_run(tmp_path / f"{name}-stopped", config | fault)
        node.process.wait_for_line("fault sleep begins", timeout=60)
        stopping = superlink.flwr("stop", str(stopped.run_id))
        assert stopped.wait() == "finished:stopped"
        registered = superlink.flwr("supernode", "register", make_key(superlink, tmp_path / f"{name}.pub"))
        answers.append(masked({
            "list": superlink.flwr("list"),
            "stop": stopping,
            "supernode list": superlink.flwr("supernode", "list"),
            "supernode register": registered,
            "supernode unregister": superlink.flwr("supernode", "unregister", str(registered["node-id"])),
            "supernode list afterwards": superlink.flwr("supernode", "list", "--verbose"),
            "federation list": superlink.flwr("federation", "list"),
        }))  # fmt: skip
    stock, ours = answers
    assert ours.keys() == stock.keys()
    for description in (stock, ours):  # which is free text
        for federation in description["federation list"]["federations"]:
            assert federation.pop("description")
    for command, answer in stock.items():
        assert ours[command] == answer, command


def make_key(superlink: SuperLink, path: Path) -> Path:
    """The public key file of a SuperNode that is to be registered."""
    code = (
        "import sys; from cryptography.hazmat.primitives.asymmetric import ec; "
        "from cryptography.hazmat.primitives import serialization as s; "
        "key = ec.generate_private_key(ec.SECP384R1()).public_key(); "
        "open(sys.argv[1], 'wb').write(key.public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH))"
    )
    Process("key", [superlink.stock.python, "-c", code, path], path.parent).wait(30)
    return path
