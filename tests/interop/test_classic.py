# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The classic stream with stock Flower at the other end: our nodes at start_server, start_client at our server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import LATEST
from support.processes import Process, free_port, wait_until
from support.programs import Programs, address_of, our_program
from support.rounds import assert_federated_average
from support.stock import Stock, SuperLink
from support.tls import Credentials
from support.venvs import INTEROP
from test_our_server import checkpoint

OLDEST = "1.20.0"
TIMEOUT = 90.0
CLASSIC = ("--transport", "classic")
SHUT_DOWN = "Disconnect and shut down"


class Peers:
    """Starts stock servers and clients of one release; all are gone when the test ends."""

    def __init__(self, stock: Stock, folder: Path) -> None:
        self.stock, self.folder, self.record = stock, folder, folder / "record"
        self.address = f"127.0.0.1:{free_port()}"
        self._processes: list[Process] = []

    def server(self, *options: object) -> Process:
        process = self._start("server", "--address", self.address, "--record-to", self.record, *options)
        process.wait_for_line("gRPC server running", 60)
        return process

    def client(self, address: str, partition: int, *options: object) -> Process:
        return self._start("client", "--address", address, "--partition", partition, *options)

    def stop(self) -> None:
        for process in self._processes:
            process.stop()

    def notes(self, name: str) -> object:
        return json.loads((self.record / f"{name}.json").read_text())

    def arrays(self, name: str) -> list[np.ndarray]:
        with np.load(self.record / f"{name}.npz") as file:
            return [file[key] for key in file.files]

    def _start(self, script: str, *arguments: object) -> Process:
        command = [self.stock.python, INTEROP / "classic_peers" / f"{script}.py", *map(str, arguments)]
        process = Process(f"classic-{script}", command, self.folder, env=self.stock.environment(self.folder / "home"))
        self._processes.append(process)
        return process


@pytest.fixture
def release() -> str:
    """Tests that also run with another release parametrise it."""
    return LATEST


@pytest.fixture
def peers(release: str, stock: Callable[[str], Stock], tmp_path: Path) -> Iterator[Peers]:
    made = Peers(stock(release), tmp_path / "peers")
    yield made
    made.stop()


def drifted(arrays: list[np.ndarray], partition: int, number: int) -> list[np.ndarray]:
    return [array * np.float32(0.5) + np.float32(0.001 * (partition + 1) * number) for array in arrays]


def mean(parts: list[tuple[list[np.ndarray], int]]) -> list[np.ndarray]:
    total = sum(weight for _, weight in parts)
    return [sum(array.astype(np.float64) * (weight / total) for array, (_, weight) in zip(arrays, parts)) for arrays in zip(*(a for a, _ in parts))]


def assert_close(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert [array.shape for array in actual] == [array.shape for array in expected]
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def assert_round_is_the_mean(peers: Peers, number: int, partitions: tuple[int, ...]) -> None:
    """The stock server got from these partitions what they make of its model, and averaged that."""
    begin = peers.arrays(f"global-{number}")
    parts = []
    for partition in partitions:
        examples = 10 * (partition + 1)
        sent = peers.arrays(f"sent-{number}-{examples}")
        assert all(array.dtype == np.float32 for array in sent)
        assert_close(sent, drifted(begin, partition, number))
        parts.append((sent, examples))
    assert_close(peers.arrays(f"aggregate-{number}"), mean(parts))


# Our nodes at a stock server.


@pytest.mark.parametrize("release", [LATEST, OLDEST])
def test_our_nodes_at_a_stock_server(peers: Peers, programs: Programs) -> None:
    """Initial parameters from a node, properties, two rounds, and a goodbye."""
    server = peers.server()
    nodes = [programs.node(peers.address, partition, *CLASSIC) for partition in (0, 1)]

    assert server.wait(TIMEOUT) == 0, server.tail()

    for node in nodes:
        assert node.wait(30) == 0, node.tail()
        assert node.output("out").count(f"Node 0 connected to {peers.address} (classic)") == 1
    assert sorted(each["partition"] for each in peers.notes("properties")) == [0, 1]
    assert {each["question"] for each in peers.notes("properties")} == {"who"}
    assert [array.shape for array in peers.arrays("global-1")][:2] == [(6, 1, 5, 5), (6,)]
    for number in (1, 2):
        assert_round_is_the_mean(peers, number, (0, 1))
        fit, evaluate = peers.notes(f"fit-{number}"), peers.notes(f"evaluate-{number}")
        assert fit["failures"] == evaluate["failures"] == []
        begin = peers.arrays(f"global-{number}")
        loss = np.mean([np.abs(array).mean() for array in begin])
        assert set(fit["replies"]) == set(evaluate["replies"]) == {"10", "20"}
        for reply in fit["replies"].values():
            assert reply["metrics"] == {"train_loss": pytest.approx(loss, rel=1e-5)}
        loss = np.mean([np.abs(array).mean() for array in peers.arrays(f"aggregate-{number}")])
        for reply in evaluate["replies"].values():
            assert reply == {"metrics": {"eval_acc": 0.5}, "loss": pytest.approx(loss, rel=1e-5)}


def test_client_app_at_a_stock_server(peers: Peers, programs: Programs) -> None:
    """The CNN: the same program that joins SuperLinks."""
    server = peers.server("--rounds", 1)
    common = ("--superlink", peers.address, "--insecure", *CLASSIC, "--samples", 200, "--device", "cpu")
    nodes = [programs.start("client_app", *common, "--node-config", f"partition-id={n} num-partitions=20") for n in (0, 1)]

    assert server.wait(TIMEOUT) == 0, server.tail()

    assert [node.wait(30) for node in nodes] == [0, 0]
    fit = peers.notes("fit-1")
    assert fit["failures"] == []
    trained = peers.arrays("aggregate-1")
    for before, after in zip(peers.arrays("global-1"), trained, strict=True):
        assert np.isfinite(after).all() and not np.array_equal(before, after)
    assert all(0 <= reply["metrics"]["eval_acc"] <= 1 for reply in peers.notes("evaluate-1")["replies"].values())


def test_our_nodes_come_back_when_a_stock_server_asks(peers: Peers, programs: Programs) -> None:
    server = peers.server("--reconnect-before", 2)
    nodes = [programs.node(peers.address, partition, *CLASSIC) for partition in (0, 1)]

    assert server.wait(TIMEOUT) == 0, server.tail()

    assert peers.notes("reasons") == ["RECONNECT", "RECONNECT"]
    for node in nodes:
        assert node.wait(30) == 0, node.tail()
        assert node.output("out").count("(classic)") == 2, node.tail()
    assert_round_is_the_mean(peers, 2, (0, 1))


def test_our_nodes_wait_for_a_stock_server_that_is_started_again(peers: Peers, programs: Programs) -> None:
    nodes = [programs.node(peers.address, partition, *CLASSIC) for partition in (0, 1)]
    for node in nodes:
        node.wait_for_line("cannot reach", 30)
    first = peers.server("--rounds", 100000)
    for node in nodes:
        node.wait_for_line("Received a message of type train", 60)
    first.kill()

    second = peers.server("--rounds", 1)

    assert second.wait(TIMEOUT) == 0, second.tail()
    for node in nodes:
        assert node.wait(30) == 0, node.tail()
    assert_round_is_the_mean(peers, 1, (0, 1))


def test_handler_of_our_node_throws(peers: Peers, programs: Programs) -> None:
    """The stock server is told why, and goes on with the other node."""
    server = peers.server("--fault", json.dumps({"fault": "throw", "fault-partition": 1}))
    nodes = [programs.node(peers.address, partition, *CLASSIC) for partition in (0, 1)]

    assert server.wait(TIMEOUT) == 0, server.tail()

    assert [node.wait(30) for node in nodes] == [0, 0]
    for number in (1, 2):
        (failure,) = peers.notes(f"fit-{number}")["failures"]
        assert failure["code"] == 3 and "interop fault on partition 1" in failure["message"]
        assert_round_is_the_mean(peers, number, (0,))


def test_our_nodes_and_tls_of_a_stock_server(peers: Peers, programs: Programs, credentials: Credentials) -> None:
    server = peers.server("--rounds", 1, "--tls", credentials.ca, credentials.certificate, credentials.certificate_key)
    for security in (("--root-certificates", credentials.other_ca), ("--insecure", "--max-retries", 1)):
        stranger = programs.node(peers.address, 0, *CLASSIC, security=security)
        assert stranger.wait(60) == 1, stranger.tail()
        stranger.wait_for_line(r"(?i)^error: .*(certificate|TLS)", 1)

    trusted = ("--root-certificates", credentials.ca)
    nodes = [programs.node(peers.address, partition, *CLASSIC, security=trusted) for partition in (0, 1)]

    assert server.wait(TIMEOUT) == 0, server.tail()
    assert [node.wait(30) for node in nodes] == [0, 0]
    assert_round_is_the_mean(peers, 1, (0, 1))


@pytest.mark.parametrize("transport", ["auto", "grpc"])
def test_node_of_the_fleet_api_says_what_a_stock_server_is(peers: Peers, programs: Programs, transport: str) -> None:
    peers.server()
    node = programs.node(peers.address, 0, "--transport", transport)
    assert node.wait(60) == 1, node.tail()
    node.wait_for_line(r"^error: .*start_server.*classic transport", 1)


def test_our_node_leaves_a_stock_server_on_sigterm(peers: Peers, programs: Programs) -> None:
    server = peers.server("--fault", json.dumps({"fault": "sleep", "fault-partition": 0, "fault-seconds": 600}))
    node = programs.node(peers.address, 0, *CLASSIC)
    programs.node(peers.address, 1, *CLASSIC)
    node.wait_for_line("fault sleep begins", 60, stream="out")

    node.ask_to_end()

    assert node.wait(30) == 0, node.tail()
    server.wait_for_line("received 1 results and 1 failures", 30)


# Stock clients at our server.


def assert_our_rounds_are_means(programs: Programs, rounds: int, partitions: tuple[int, ...]) -> None:
    for number in range(1, rounds + 1):
        before, after = checkpoint(programs, number - 1), checkpoint(programs, number)
        parts = [(drifted(list(before.values()), partition, number), 10 * (partition + 1)) for partition in partitions]
        assert list(after) == list(before)
        assert all(array.dtype == np.float32 for array in after.values())
        assert_close(list(after.values()), mean(parts))


@pytest.mark.parametrize("release", [LATEST, OLDEST])
def test_stock_clients_at_our_server(peers: Peers, programs: Programs) -> None:
    """Beside a node of the Fleet API and one of ours on the classic stream."""
    server = programs.server("--port", 0, "--classic-port", 0, "--rounds", 2, min_nodes=4)
    classic = address_of(server, "classic")
    clients = [peers.client(classic, partition) for partition in (0, 1)]
    ours = [programs.node(address_of(server, "http"), 2), programs.node(classic, 3, *CLASSIC)]

    assert server.wait(TIMEOUT) == 0, server.tail()

    assert_our_rounds_are_means(programs, 2, (0, 1, 2, 3))
    for client in clients:
        assert client.wait(30) == 0, client.tail()
        client.wait_for_line(SHUT_DOWN, 1)
    assert ours[1].wait(30) == 0, ours[1].tail()
    metrics = json.loads((programs.out / "metrics.json").read_text())
    assert all(row["train_results"] == 4 and row["train_failures"] == 0 for row in metrics["rounds"][1:])
    assert all(row["eval_accuracy"] == 0.5 for row in metrics["rounds"][1:])


def test_stock_client_and_our_tls(peers: Peers, programs: Programs, credentials: Credentials) -> None:
    server = programs.server(
        "--port", 0, "--classic-port", 0, "--rounds", 1,
        security=("--ssl-certfile", credentials.certificate, "--ssl-keyfile", credentials.certificate_key),
    )
    classic = address_of(server, "classic")
    client = peers.client(classic, 0, "--root-certificates", credentials.ca)
    programs.node(classic, 1, *CLASSIC, security=("--root-certificates", credentials.ca))

    assert server.wait(TIMEOUT) == 0, server.tail()

    assert_our_rounds_are_means(programs, 1, (0, 1))
    assert client.wait(30) == 0, client.tail()
    client.wait_for_line(SHUT_DOWN, 1)


def test_stock_client_throws(peers: Peers, programs: Programs) -> None:
    """It ends, as stock clients do, and the round is what the other node sent."""
    server = programs.server("--port", 0, "--classic-port", 0, "--rounds", 1, "--fraction-evaluate", 0)
    client = peers.client(address_of(server, "classic"), 0, "--throw-in-round", 1)
    programs.node(address_of(server, "http"), 1)

    assert server.wait(TIMEOUT) == 0, server.tail()

    assert_our_rounds_are_means(programs, 1, (1,))
    assert client.wait(30) == 1, client.tail()
    row = json.loads((programs.out / "metrics.json").read_text())["rounds"][1]
    assert (row["train_results"], row["train_failures"]) == (1, 1)
    assert "NODE_UNAVAILABLE" in row["failures"][0], row


def test_stock_clients_are_let_go_when_our_superlink_stops(peers: Peers, programs: Programs) -> None:
    superlink = programs.superlink("--port", 0, "--classic-port", 0)
    clients = [peers.client(address_of(superlink, "classic"), partition) for partition in (0, 1)]
    superlink.wait_for_line(r"(?s)is online \(classic\).*is online \(classic\)", 60)

    superlink.ask_to_end()

    assert superlink.wait(30) == 0, superlink.tail()
    for client in clients:
        assert client.wait(30) == 0, client.tail()
        client.wait_for_line(SHUT_DOWN, 1)


@pytest.mark.parametrize("legacy", [False, True], ids=["message-based", "legacy"])
def test_stock_server_app_with_stock_clients(
    peers: Peers, programs: Programs, stock: Callable[[str], Stock], tmp_path: Path, legacy: bool
) -> None:
    """`flwr run` on our SuperLink; its nodes are two clients of start_client and one node of the Fleet API."""
    program = our_program("superlink")
    superlink = SuperLink(stock(LATEST), tmp_path / "superlink", program=program, extra=("--classic-port", "0"))
    try:
        classic = address_of(superlink.process, "classic")
        clients = [peers.client(classic, partition) for partition in (0, 1)]
        programs.node(superlink.fleet_address, 2)

        def online() -> set[int]:
            return {node for node, status in superlink.nodes().items() if status == "online"}

        ids = wait_until(lambda: nodes if len(nodes := online()) == 3 else set(), 60, "three nodes")

        rounds = superlink.run(tmp_path / "run", {"num-server-rounds": 2, "min-nodes": 3}, kind="legacy" if legacy else "")

        assert_federated_average(rounds, 2, ids)
        assert sorted(reply.num_examples for reply in rounds.replies(2, "evaluate")) == [10, 20, 30]
    finally:
        superlink.stop()
    for client in clients:
        assert client.wait(30) == 0, client.tail()
