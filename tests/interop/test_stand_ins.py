# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Our apps in the places of Flower's: server_app on a stock SuperLink, in each of the ways to get there, and client_app below a
stock SuperNode."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LATEST
from support.nodes import NodeOptions, Nodes
from support.processes import Process, wait_until
from support.programs import Programs, our_program
from support.rounds import Arrays, assert_close, assert_federated_average, drifted, weighted_average
from support.stock import Run, Stock, SuperLink, start_supernode

TEST_NODE = "interop_node"
ROUNDS = 2
FINISHED = 120.0

Start = Callable[..., SuperLink]


@pytest.fixture
def start_superlink(stock: Callable[[str], Stock], tmp_path: Path) -> Iterator[Start]:
    """Starts stock SuperLinks, on whose PATH the programs in `ahead` come first; all are gone when the test ends."""
    started: list[SuperLink] = []

    def start(ahead: Path | None = None, **options: Any) -> SuperLink:
        superlink = SuperLink(replace(stock(LATEST), ahead=ahead), tmp_path / "superlink", **options)
        started.append(superlink)
        return superlink

    yield start
    for superlink in started:
        superlink.stop_runs()
        superlink.stop()


def put_in_place(folder: Path, name: str, program: str, *options: str | Path) -> Path:
    """A folder for PATH in which our `program`, with options of its own, has the `name` of one of Flower's."""
    folder.mkdir()
    script = folder / name
    words = " ".join(f"'{word}'" for word in (our_program(program), *options))
    script.write_text(f'#!/bin/sh\nOMP_NUM_THREADS=1 exec {words} "$@"\n')
    script.chmod(0o755)
    return folder


def start_cpp_run(superlink: SuperLink, config: dict[str, Any]) -> Run:
    """`flwr run` of an app whose pyproject.toml says that its ServerApp is a C++ one."""
    app = superlink.folder / "cpp-app"
    shutil.copytree(superlink.folder / "app", app)
    with (app / "pyproject.toml").open("a") as project:
        project.write("\n[tool.flwrcpp]\nserverapp = true\n")
    return superlink.start_app(app, superlink.folder / "unused", config)


def assert_learned(out: Path) -> None:
    """The last checkpoint of our server is the weighted mean of what two nodes make of the one before."""

    def checkpoint(number: int) -> Arrays:
        with np.load(out / f"checkpoint-{number:03}.npz") as file:
            return dict(file)

    before = checkpoint(ROUNDS - 1)
    sent = [(drifted(before, partition, ROUNDS), 10 * (partition + 1)) for partition in (0, 1)]
    assert_close(checkpoint(ROUNDS), weighted_average(sent))


def two_nodes(nodes: Nodes, superlink: SuperLink) -> set[int]:
    return {node.node_id for node in nodes.start_all(superlink, [NodeOptions(0), NodeOptions(1)], TEST_NODE)}


def test_a_submitted_run_is_seen_and_stopped_by_flwr(
    start_superlink: Start, programs: Programs, nodes: Nodes, tmp_path: Path
) -> None:
    superlink = start_superlink(extra=["--isolation", "process"])
    two_nodes(nodes, superlink)
    options = ["--superlink", superlink.http_address, "--insecure", "--rounds", "10000", "--no-server-evaluation"]
    server = programs.start("server_app", *options, "--out", tmp_path / "out")
    server.wait_for_line(r"^Round 2/10000", 60)
    (run,) = superlink.flwr("list")["runs"]
    assert run["status"] == "running"

    superlink.flwr("stop", run["run-id"])

    assert server.wait(30) == 130
    assert "was stopped at the SuperLink" in server.output("err")
    assert superlink.flwr("list")["runs"][0]["status"] == "finished:stopped"
    log = superlink.log(int(run["run-id"]))
    assert "Round 2/10000" in log
    assert list(superlink.nodes().values()) == ["online", "online"]


def test_ctrl_c_leaves_a_stopped_run(
    start_superlink: Start, programs: Programs, tmp_path: Path
) -> None:
    superlink = start_superlink(extra=["--isolation", "process"])
    options = ["--superlink", superlink.http_address, "--insecure", "--no-server-evaluation"]
    server = programs.start("server_app", *options, "--out", tmp_path / "out")
    server.wait_for_line(r"^Waiting for 2 nodes", 60)

    server.ask_to_end()

    assert server.wait(30) == 130
    assert superlink.flwr("list")["runs"][0]["status"] == "finished:stopped"


def test_an_executor_with_the_secret_runs_what_users_start(
    start_superlink: Start, programs: Programs, nodes: Nodes, tmp_path: Path
) -> None:
    secret, wrong = tmp_path / "secret", tmp_path / "wrong"
    for file in (secret, wrong):
        file.write_text(secrets.token_hex(32))
    superlink = start_superlink(extra=["--isolation", "process", "--superexec-auth-secret-file", secret])
    two_nodes(nodes, superlink)
    options = ["--executor", superlink.http_address, "--insecure", "--no-server-evaluation", "--out", tmp_path / "out"]
    stranger = programs.start("server_app", *options, "--superexec-auth-secret-file", wrong)
    assert stranger.wait(60) == 1
    assert "secret" in stranger.output("err")
    programs.start("server_app", *options, "--superexec-auth-secret-file", secret)

    runs = [start_cpp_run(superlink, {"num-server-rounds": ROUNDS})]
    assert runs[0].wait(FINISHED) == "finished:completed"
    runs.append(superlink.start_run(tmp_path / "unused", {"num-server-rounds": 0}))  # which it refuses
    assert runs[1].wait(FINISHED) == "finished:failed"

    assert_learned(tmp_path / "out" / f"run-{runs[0].run_id}")
    assert "expected 1 to" in superlink.log(runs[1].run_id)


def test_in_place_of_flwr_serverapp(start_superlink: Start, nodes: Nodes, tmp_path: Path) -> None:
    """Flower's SuperExec starts server_app: for a C++ app, and for one of Python, which goes on to Flower's program."""
    ahead = put_in_place(
        tmp_path / "bin", "flwr-serverapp", "server_app", "--out", tmp_path / "out", "--no-server-evaluation"
    )
    superlink = start_superlink(ahead=ahead)
    node_ids = two_nodes(nodes, superlink)

    cpp = start_cpp_run(superlink, {"num-server-rounds": ROUNDS})
    assert cpp.wait(FINISHED) == "finished:completed", cpp.process.tail(40)
    python = superlink.run(tmp_path / "python", {"num-server-rounds": ROUNDS})

    assert_learned(tmp_path / "out" / f"run-{cpp.run_id}")
    assert f"Round {ROUNDS}/{ROUNDS}" in superlink.log(cpp.run_id)
    assert_federated_average(python, ROUNDS, node_ids)


@pytest.fixture
def start_node(stock: Callable[[str], Stock], tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts stock SuperNodes with `ahead` on their PATH; all are gone when the test ends."""
    started: list[Process] = []

    def start(superlink: SuperLink, partition: int, ahead: Path) -> Process:
        config = f"partition-id={partition} num-partitions=2"
        node = start_supernode(
            replace(stock(LATEST), ahead=ahead), tmp_path / f"node-{partition}", superlink.http_address,
            node_config=config, security=["--insecure"],
        )  # fmt: skip
        started.append(node)
        return node

    yield start
    for node in started:
        node.stop()


@pytest.mark.parametrize("any_app", [True, False], ids=["takes every app", "leaves Python to Python"])
def test_in_place_of_flwr_clientapp(
    any_app: bool, start_superlink: Start, start_node: Callable[..., Process], tmp_path: Path
) -> None:
    """A stock SuperNode starts client_app, whose training the stock ServerApp averages; or client_app lets Python train."""
    samples = 200
    options = ["--samples", str(samples), "--partitioner", "contiguous", "--device", "cpu"]
    ahead = put_in_place(
        tmp_path / "bin", "flwr-clientapp", "client_app", *options, *(["--any-app"] if any_app else [])
    )
    superlink = start_superlink()
    for partition in (0, 1):
        start_node(superlink, partition, ahead)
    wait_until(lambda: list(superlink.nodes().values()).count("online") == 2, 60, "two nodes to join")

    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": ROUNDS})

    assert_federated_average(rounds, ROUNDS, set(superlink.nodes()))
    examples = sorted(reply.num_examples for reply in rounds.replies(1))
    train_share = 0.8
    assert examples == ([samples * train_share] * 2 if any_app else [10, 20])


def test_a_failing_client_app_is_told_to_the_server_app(
    start_superlink: Start, start_node: Callable[..., Process], tmp_path: Path
) -> None:
    ahead = put_in_place(
        tmp_path / "bin", "flwr-clientapp", "client_app", "--any-app", "--data-dir", tmp_path / "nowhere"
    )
    superlink = start_superlink()
    start_node(superlink, 0, ahead)
    wait_until(lambda: "online" in superlink.nodes().values(), 60, "the node to join")

    run = superlink.start_run(tmp_path / "run", {"num-server-rounds": 1, "min-nodes": 1, "evaluate": False})

    run.wait(FINISHED)
    (reply,) = run.rounds.replies(1)
    assert reply.error_code == 2
    assert "nowhere" in json.dumps(reply.error_reason)
