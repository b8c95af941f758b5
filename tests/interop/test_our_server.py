# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Our server with our nodes: the model of each round, wires, keys, and a server that is killed and started again."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.nodes import NodeOptions, StockNodes
from support.processes import free_port, wait_until
from support.programs import Programs, Reachable, address_of
from support.tls import Credentials

ROUND_TIMEOUT = 60.0


def checkpoint(programs: Programs, number: int) -> dict[str, np.ndarray]:
    with np.load(programs.out / f"checkpoint-{number:03}.npz") as file:
        return dict(file)


def after_round(arrays: dict[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    """The mean of what two drifting nodes send, weighted 10 to 20."""
    sent = [{k: a * np.float32(0.5) + np.float32(0.001 * (p + 1) * number) for k, a in arrays.items()} for p in (0, 1)]
    return {key: (10 * sent[0][key].astype(np.float64) + 20 * sent[1][key]) / 30 for key in arrays}


def assert_rounds_are_means(programs: Programs, rounds: int) -> None:
    for number in range(1, rounds + 1):
        expected = after_round(checkpoint(programs, number - 1), number)
        actual = checkpoint(programs, number)
        assert list(actual) == list(expected)
        for key, array in actual.items():
            assert array.dtype == np.float32
            np.testing.assert_allclose(array, expected[key], rtol=1e-6, atol=1e-7, err_msg=f"round {number}, {key}")


def test_each_round_is_the_weighted_mean_over_both_wires(programs: Programs) -> None:
    server = programs.server("--port", 0, "--grpc-port", 0, "--rounds", 3)
    nodes = [programs.node(address_of(server, "http"), 0), programs.node(address_of(server, "grpc"), 1)]

    assert server.wait(ROUND_TIMEOUT) == 0, server.tail()

    assert [node.wait_for_line(r"^Node \d+ connected to \S+ \((\w+)\)$", stream="out")[1] for node in nodes] == ["http", "grpc"]
    assert_rounds_are_means(programs, 3)
    with np.load(programs.out / "model.npz") as model:
        assert all(np.array_equal(model[key], array) for key, array in checkpoint(programs, 3).items())
    metrics = json.loads((programs.out / "metrics.json").read_text())
    assert [row["round"] for row in metrics["rounds"]] == [0, 1, 2, 3]
    assert all(row["train_results"] == 2 and row["eval_accuracy"] == 0.5 for row in metrics["rounds"][1:])
    assert "<svg" in (programs.out / "report.html").read_text()


def test_killed_server_goes_on_with_its_nodes(programs: Programs) -> None:
    port = free_port()
    options = ("--port", port, "--database", programs.folder / "state.db", "--rounds", 40)
    first = programs.server(*options)
    nodes = [programs.node(address_of(first), partition) for partition in (0, 1)]
    wait_until(lambda: (programs.out / "checkpoint-002.npz").exists(), ROUND_TIMEOUT, "round 2")
    first.kill()
    done = max(int(file.stem[-3:]) for file in programs.out.glob("checkpoint-*.npz"))
    assert done < 38, "the run was over before the server was killed"

    last = done + 2
    second = programs.server(*options[:-1], last, "--resume", programs.out)

    assert second.wait(ROUND_TIMEOUT) == 0, second.tail()
    assert_rounds_are_means(programs, last)
    for node in nodes:
        assert node.returncode is None, node.tail()
        assert node.output("out").count("connected to") == 1, "a node joined a second time instead of going on"
        node.ask_to_end()
        assert node.wait(30) == 0, node.tail()


FED_ADAM = ("--strategy", "FedAdam", "--strategy-config", "eta=0.01 tau=0.01", "--no-server-evaluation")


def learn(programs: Programs, out: Path, rounds: int, *options: object) -> str:
    """Rounds of FedAdam with two nodes that really train; what the server said."""
    programs.out = out
    server = programs.server("--port", 0, "--rounds", rounds, *FED_ADAM, *options)
    nodes = [programs.learner(address_of(server), partition) for partition in (0, 1)]
    assert server.wait(ROUND_TIMEOUT) == 0, server.tail()
    for node in nodes:
        node.stop()
    return server.output("out")


def assert_same(one: Path, other: Path) -> None:
    """Both files have the same arrays, bit for bit."""
    with np.load(one) as expected, np.load(other) as actual:
        assert expected.files == actual.files
        assert all(expected[key].tobytes() == actual[key].tobytes() for key in expected.files if key != "description.json")


def test_resumed_run_equals_one_that_never_stopped(programs: Programs) -> None:
    straight, stopped, forgetful = (programs.folder / name for name in ("straight", "stopped", "forgetful"))
    learn(programs, straight, 4)
    learn(programs, stopped, 2)
    shutil.copytree(stopped, forgetful)
    (forgetful / "strategy-002.npz").unlink()

    said = learn(programs, stopped, 4, "--resume", stopped)

    assert "no state" not in said
    for name in ("model.npz", "checkpoint-004.npz", "strategy-004.npz"):
        assert_same(straight / name, stopped / name)
    with np.load(stopped / "strategy-004.npz") as state, np.load(stopped / "model.npz") as model:
        assert [f"{record}/{key}" for record in "mv" for key in model.files] == state.files[:-1]
        assert json.loads(state["description.json"])["strategy"] == "FedAdam"
    # The state is what makes them equal: a checkpoint from before there was one goes on, but elsewhere.
    assert "Note: the checkpoint had no state of FedAdam" in learn(programs, forgetful, 4, "--resume", forgetful)
    with pytest.raises(AssertionError):
        assert_same(straight / "model.npz", forgetful / "model.npz")


def test_interrupted_run_equals_one_that_never_stopped(programs: Programs) -> None:
    straight, stopped = programs.folder / "straight", programs.folder / "stopped"
    programs.out = stopped
    server = programs.server("--port", 0, "--rounds", 100000, *FED_ADAM)
    nodes = [programs.learner(address_of(server), partition) for partition in (0, 1)]
    wait_until(lambda: (stopped / "checkpoint-002.npz").exists(), ROUND_TIMEOUT, "round 2")
    server.ask_to_end(signal.SIGINT)
    assert server.wait(30) == 130, server.tail()
    done = int(server.wait_for_line(r"^error: interrupted after round (\d+); go on with --resume", 1)[1])
    for node in nodes:
        node.stop()

    learn(programs, stopped, done + 1, "--resume", stopped)

    learn(programs, straight, done + 1)
    assert_same(straight / "model.npz", stopped / "model.npz")


def test_node_dies_while_training(programs: Programs) -> None:
    """The server stops waiting for it after at most two heartbeats, and the round is what the other node sent."""
    server = programs.server("--port", 0, "--rounds", 1, "--fraction-evaluate", 0)
    dies = programs.node(address_of(server), 1, config="fault=sleep")
    programs.node(address_of(server), 0)
    node_id = dies.wait_for_line(r"^Node (\d+) connected", 30, stream="out")[1]
    dies.wait_for_line("fault sleep begins on partition 1", ROUND_TIMEOUT, stream="out")

    dies.kill()

    assert server.wait(120) == 0, server.tail()
    before, after = checkpoint(programs, 0), checkpoint(programs, 1)
    for key, array in after.items():
        np.testing.assert_allclose(array, before[key] * np.float32(0.5) + np.float32(0.001), rtol=1e-6, atol=1e-7, err_msg=key)
    row = json.loads((programs.out / "metrics.json").read_text())["rounds"][1]
    assert (row["train_results"], row["train_failures"]) == (1, 1)
    assert any(node_id in failure for failure in row["failures"]), row["failures"]


def only_node_0(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the first drifting node makes of the model in round 1."""
    return {key: array * np.float32(0.5) + np.float32(0.001) for key, array in arrays.items()}


def test_place_of_a_dead_node_is_given_to_another(programs: Programs) -> None:
    server = programs.server("--port", 0, "--rounds", 1, "--fraction-evaluate", 0, "--max-redispatches", 1, min_nodes=1)
    dies = programs.node(address_of(server), 1, config="fault=sleep")
    dies.wait_for_line("fault sleep begins on partition 1", ROUND_TIMEOUT, stream="out")
    spare = programs.node(address_of(server), 0)
    spare.wait_for_line(r"^Node \d+ connected", 30, stream="out")

    dies.kill()

    assert server.wait(120) == 0, server.tail()
    for key, array in only_node_0(checkpoint(programs, 0)).items():
        np.testing.assert_allclose(checkpoint(programs, 1)[key], array, rtol=1e-6, atol=1e-7, err_msg=key)


def test_over_selection_takes_the_first_reply(programs: Programs) -> None:
    """A round wants one of three nodes and asks all: two never answer."""
    server = programs.server(
        "--port", 0, "--rounds", 1, "--fraction-evaluate", 0, "--fraction-train", 0.34, "--over-selection", 2, min_nodes=3
    )
    for partition, fault in enumerate(("", "fault=sleep", "fault=sleep")):
        programs.node(address_of(server), partition, config=fault)

    assert server.wait(ROUND_TIMEOUT) == 0, server.tail()
    for key, array in only_node_0(checkpoint(programs, 0)).items():
        np.testing.assert_allclose(checkpoint(programs, 1)[key], array, rtol=1e-6, atol=1e-7, err_msg=key)
    row = json.loads((programs.out / "metrics.json").read_text())["rounds"][1]
    assert (row["train_results"], row["train_failures"]) == (1, 0)


def test_secure_aggregation_gives_what_the_plain_one_does(programs: Programs) -> None:
    """Nodes with the mod refuse a round that is not masked, so that a round with results was."""
    config = "reconstruction-threshold=2 num-shares=3 max-weight=200"
    runs = {"plain": ((), ()), "masked": (("--secagg", "secaggplus", "--secagg-config", config), ("--mods", "secaggplus"))}
    for name, (server_options, node_options) in runs.items():
        programs.out = programs.folder / name
        server = programs.server("--port", 0, "--rounds", 2, "--no-server-evaluation", *server_options, min_nodes=3)
        nodes = [programs.learner(address_of(server), partition, *node_options) for partition in range(3)]
        assert server.wait(ROUND_TIMEOUT) == 0, server.tail()
        for node in nodes:
            node.stop()

    with np.load(programs.folder / "plain" / "model.npz") as plain, np.load(programs.out / "model.npz") as masked:
        assert plain.files == masked.files
        for key in plain.files:
            # A step is 2 * 8 / 2**22 = 4e-6; the second round trains on what the first one rounded.
            np.testing.assert_allclose(masked[key], plain[key], atol=1e-4, err_msg=key)
    settings = json.loads((programs.out / "metrics.json").read_text())["settings"]
    assert settings["strategy"] == "FedAvg, secaggplus"


def test_stock_node_joins_by_a_fab(programs: Programs, fab: Callable[..., Path], python_nodes: StockNodes) -> None:
    """A stock SuperNode, which runs the ClientApp of a FAB, and ours in one run of a C++ ServerApp."""
    server = programs.server("--port", 0, "--rounds", 2, "--fab", fab())
    programs.node(address_of(server), 0)

    joins = python_nodes.launch(Reachable(address_of(server)), NodeOptions(partition=1))

    assert server.wait(120) == 0, f"{server.tail()}\n{joins.tail()}"
    assert_rounds_are_means(programs, 2)
    metrics = json.loads((programs.out / "metrics.json").read_text())
    assert all(row["train_results"] == 2 and row["eval_accuracy"] == 0.5 for row in metrics["rounds"][1:])


def test_superlink_alone_keeps_its_nodes_over_a_crash(programs: Programs) -> None:
    options = ("--port", free_port(), "--database", programs.folder / "state.db")
    first = programs.superlink(*options, "--grpc-port", 0)
    nodes = [programs.node(address_of(first, "http"), 0), programs.node(address_of(first, "http"), 1)]
    for node in nodes:
        node.wait_for_line(r"^Node \d+ connected", 30, stream="out")
    over_grpc = programs.node(address_of(first, "grpc"), 0, "--max-retries", 1)
    over_grpc.wait_for_line(r"^Node \d+ connected to \S+ \(grpc\)", 30, stream="out")
    first.kill()

    second = programs.superlink(*options)

    address_of(second)
    for node in nodes:
        node.ask_to_end()
        assert node.wait(30) == 0, node.tail()  # known to the second SuperLink, which lets it leave
    assert over_grpc.wait(60) == 1, over_grpc.tail()
    second.ask_to_end()
    assert second.wait(30) == 0, second.tail()


def test_tls_and_registered_keys(programs: Programs, credentials: Credentials) -> None:
    server = programs.server(
        "--port", 0, "--rounds", 1, "--enable-supernode-auth",
        "--register-supernode", credentials.node_public_key("one"), "--register-supernode", credentials.node_public_key("two"),
        security=("--ssl-certfile", credentials.certificate, "--ssl-keyfile", credentials.certificate_key),
    )
    address = address_of(server)
    trusted = ("--root-certificates", credentials.ca)

    stranger = programs.node(
        address, 0, "--auth-supernode-private-key", credentials.node_key("stranger"), "--max-wait-time", 3, security=trusted
    )
    keyless = programs.node(address, 0, security=trusted)
    wrong_ca = programs.node(address, 0, security=("--root-certificates", credentials.other_ca))
    for process, pattern in ((stranger, "regist"), (keyless, "regist|authenticat"), (wrong_ca, "certificate")):
        assert process.wait(60) == 1, process.tail()
        process.wait_for_line(rf"(?i)^error: .*({pattern})", 1)

    for partition, name in enumerate(("one", "two")):
        programs.node(address, partition, "--auth-supernode-private-key", credentials.node_key(name), security=trusted)
    assert server.wait(ROUND_TIMEOUT) == 0, server.tail()
    assert_rounds_are_means(programs, 1)


def test_interrupted_server_tells_how_to_go_on(programs: Programs) -> None:
    server = programs.server("--port", 0, "--rounds", 100000)
    for partition in (0, 1):
        programs.node(address_of(server), partition)
    wait_until(lambda: (programs.out / "checkpoint-001.npz").exists(), ROUND_TIMEOUT, "round 1")

    server.ask_to_end(signal.SIGINT)

    assert server.wait(30) == 130, server.tail()
    server.wait_for_line(r"^error: interrupted after round \d+; go on with --resume", 1)


@pytest.mark.parametrize(
    ("arguments", "code", "pattern"),
    [
        (("--rounds", 0), 2, r"--rounds"),
        (("--no-such-option",), 2, r"no-such-option"),
        (("--data-dir", "/nowhere"), 1, r"^error: .*/nowhere"),
        (("--resume", "/nowhere"), 1, r"^error: .*/nowhere"),
        (("--strategy", "FedNone"), 2, r"^error: unknown strategy 'FedNone', expected FedAvg, "),
        (("--strategy", "FedYogi", "--strategy-config", "eta=-1"), 2, r"^error: FedYogi: eta is -1"),
        (("--secagg", "secagg"), 2, r"^error: .*reconstruction_threshold"),
        (("--ssl-certfile", "/nowhere"), 2, r"^error: .*--insecure"),
    ],
)
def test_wrong_use_is_explained(programs: Programs, arguments: tuple[object, ...], code: int, pattern: str) -> None:
    server = programs.server("--port", 0, *arguments)

    assert server.wait(30) == code, server.tail()
    server.wait_for_line(pattern, 1)


def test_taken_port_is_explained(programs: Programs) -> None:
    address = address_of(programs.server("--port", 0))

    second = programs.server("--port", address.rsplit(":", 1)[1])

    assert second.wait(30) == 1, second.tail()
    second.wait_for_line(rf"^error: .*{address}.*in use", 1)
