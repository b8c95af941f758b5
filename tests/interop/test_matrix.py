# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The interop matrix: who works with whom, in which release. Each test is one cell, and trains with real programs.

`--releases` and `--roles` choose (`conftest.py` has the defaults); matrix.py runs all cells and writes them down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.cells import COMBINATIONS, FEDERATION, combination_name, has_role
from support.processes import Process, wait_until
from support.programs import Programs, address_of, our_program
from support.releases import LATEST, TOO_OLD, Release
from support.rounds import Arrays, Rounds, assert_close, assert_federated_average, drifted, weighted_average
from support.stock import Flwr, Stock, SuperLink, start_supernode
from test_classic import Peers, assert_our_rounds_are_means, assert_round_is_the_mean

ROUNDS = 2
CONFIG = {"num-server-rounds": ROUNDS, "evaluate": False}
JOIN_TIMEOUT = 60.0
SERVER_TIMEOUT = 120.0
NODE_UNAVAILABLE = 5  # the framework's error code

@dataclass(frozen=True)
class Cell:
    """What a test stands for: a release, and a role of `cells.ROLES` or what was combined."""

    release: str
    role: str


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" not in metafunc.fixturenames:
        return
    role = metafunc.definition.name.removeprefix("test_")
    if role not in metafunc.config.getoption("--roles").split(","):
        cells = []
    elif role == "combination":
        cells = [Cell(LATEST, combination_name(sides)) for sides in COMBINATIONS]
    elif role in ("federation", "refusal"):
        cells = [Cell(LATEST if role == "federation" else TOO_OLD, role)]
    else:
        releases = metafunc.config.getoption("--releases").split(",")
        cells = [Cell(each, role) for each in releases if has_role(each, role)]
    ids = [cell.role if role == "combination" else cell.release for cell in cells]
    metafunc.parametrize("cell", cells, ids=ids, indirect=True)


@pytest.fixture
def cell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Cell:
    """What the test stands for, also in the report."""
    record_property("cell", {"release": request.param.release, "role": request.param.role})
    return request.param


@pytest.fixture
def programs() -> Iterator[ExitStack]:
    """Stops what a test starts, last started first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def our_superlink(stock: Callable[[str], Stock], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuperLink]:
    """Our SuperLink for nodes of all releases, with `flwr`, executors and ServerApps of the latest."""
    superlink = SuperLink(stock(LATEST), tmp_path_factory.mktemp("ours"), grpc=True, program=our_program("superlink"))
    yield superlink
    superlink.stop()


@pytest.fixture(scope="module")
def stock_superlink(stock: Callable[[str], Stock], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuperLink]:
    superlink = SuperLink(stock(LATEST), tmp_path_factory.mktemp("stock"))
    yield superlink
    superlink.stop()


@pytest.fixture
def idle(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leaves our SuperLink without runs and nodes, whatever the test did."""
    superlink: SuperLink = request.getfixturevalue("our_superlink")
    assert superlink.nodes() == {}
    yield
    superlink.stop_runs()
    wait_until(lambda: "online" not in superlink.nodes().values(), JOIN_TIMEOUT, "all nodes to have left")


def start_our_node(programs: ExitStack, address: str, partition: int, folder: Path) -> Process:
    """Our node, with drift.py's arithmetic; returns when it has joined."""
    command = [our_program("interop_node"), "--superlink", address, "--insecure"]
    node = Process("interop_node", [*command, "--node-config", f"partition-id={partition} num-partitions=2"], folder)
    programs.callback(node.stop)
    node.wait_for_line(r"^Node \d+ connected", JOIN_TIMEOUT)
    return node


def start_stock_node(programs: ExitStack, stock: Stock, address: str, partition: int, folder: Path) -> Process:
    """A stock SuperNode; it may not have joined yet."""
    config = f"partition-id={partition} num-partitions=2"
    node = start_supernode(stock, folder, address, node_config=config, security=["--insecure"])
    programs.callback(node.stop)
    return node


def wait_for_nodes(superlink: SuperLink, count: int, nodes: list[Process]) -> None:
    """Waits until all have joined; fails with the words of one that gave up."""

    def joined() -> bool:
        for node in nodes:
            assert node.returncode is None, f"{node.name} gave up\n{node.tail()}"
        return list(superlink.nodes().values()).count("online") == count

    wait_until(joined, JOIN_TIMEOUT, f"{count} nodes to join")


def assert_trained_by(rounds: Rounds, partitions: int) -> None:
    """Each partition's node did its arithmetic in each round, and each global model is the average of what they sent."""
    for number in rounds.numbers:
        replies = rounds.replies(number)
        assert [reply.error_reason for reply in replies if reply.error_code is not None] == []
        assert sorted(reply.num_examples for reply in replies) == [10 * (p + 1) for p in range(partitions)]
        for reply in replies:
            expected = drifted(rounds.sent(number), reply.num_examples // 10 - 1, number)
            assert_close(rounds.received(number, reply.node_id), expected)
    assert_federated_average(rounds, ROUNDS, {reply.node_id for reply in rounds.replies(1)})


def start_our_server(programs: ExitStack, folder: Path, *options: str | Path) -> Process:
    """Our ServerApp, in a SuperLink of its own or, with --superlink, on another one."""
    command = [our_program("server_app"), "--insecure", "--min-nodes", "2", "--rounds", str(ROUNDS)]
    server = Process("server_app", [*command, "--out", folder / "out", *options], folder, env={"OMP_NUM_THREADS": "1"})
    programs.callback(server.stop)
    return server


def start_waiting_superlink(programs: ExitStack, stock: Stock, folder: Path) -> str:
    """A stock SuperLink that leaves ServerApps to others; returns its address."""
    superlink = SuperLink(stock, folder / "superlink", extra=["--isolation", "process"])
    programs.callback(superlink.stop)
    return superlink.http_address


def assert_server_trained(server: Process, folder: Path) -> None:
    """Each checkpoint is the weighted mean of what two nodes make of the one before."""
    assert server.wait(SERVER_TIMEOUT) == 0, server.tail()

    def checkpoint(number: int) -> Arrays:
        with np.load(folder / "out" / f"checkpoint-{number:03}.npz") as file:
            return dict(file)

    for number in range(1, ROUNDS + 1):
        before = checkpoint(number - 1)
        sent = [(drifted(before, partition, number), 10 * (partition + 1)) for partition in (0, 1)]
        assert_close(checkpoint(number), weighted_average(sent))


def test_combination(
    cell: Cell, stock: Callable[[str], Stock], programs: ExitStack, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Node × SuperLink × ServerApp, ours or stock's, of the latest release."""
    node, superlink, server_app = cell.role.split(" × ")

    def start_nodes(address: str) -> list[Process]:
        if node == "C++":
            return [start_our_node(programs, address, partition, tmp_path) for partition in (0, 1)]
        return [start_stock_node(programs, stock(LATEST), address, partition, tmp_path) for partition in (0, 1)]

    if server_app == "C++":
        # Stock nodes run the ClientApp of the FAB.
        options: list[str | Path] = ["--fab", Flwr(stock(LATEST), tmp_path, "").build_fab()] if node == "stock" else []
        if superlink == "C++":
            server = start_our_server(programs, tmp_path, "--port", "0", *options)
            start_nodes(server.wait_for_line(r"^Fleet API \(http\) listening on (\S+)$", JOIN_TIMEOUT)[1])
        else:
            address = start_waiting_superlink(programs, stock(LATEST), tmp_path)
            start_nodes(address)
            server = start_our_server(programs, tmp_path, "--superlink", address, *options)
        assert_server_trained(server, tmp_path)
        return
    hosting: SuperLink = request.getfixturevalue("our_superlink" if superlink == "C++" else "stock_superlink")
    nodes = start_nodes(hosting.http_address)
    wait_for_nodes(hosting, 2, nodes)
    assert_trained_by(hosting.run(tmp_path / "run", CONFIG), 2)


def test_node(cell: Cell, stock: Callable[[str], Stock], programs: ExitStack, tmp_path: Path) -> None:
    """Our nodes in a federation of a stock SuperLink, `flwr` and ServerApp of the release."""
    release = stock(cell.release)
    superlink = SuperLink(release, tmp_path / "superlink", grpc=release.traits.wire == "grpc")
    programs.callback(superlink.stop)
    for partition in (0, 1):
        start_our_node(programs, superlink.fleet_address, partition, tmp_path)

    rounds = superlink.run(tmp_path / "run", CONFIG)

    assert_trained_by(rounds, 2)


@pytest.mark.usefixtures("idle")
def test_superlink(
    cell: Cell, stock: Callable[[str], Stock], our_superlink: SuperLink, programs: ExitStack, tmp_path: Path
) -> None:
    """A stock SuperNode of the release on our SuperLink, together with one of our nodes."""
    release = stock(cell.release)
    ours = start_our_node(programs, our_superlink.http_address, 0, tmp_path)
    theirs = start_stock_node(programs, release, our_superlink.address_on(release.traits.wire), 1, tmp_path)
    wait_for_nodes(our_superlink, 2, [ours, theirs])

    rounds = our_superlink.run(tmp_path / "run", CONFIG)

    assert_trained_by(rounds, 2)


def test_apps(cell: Cell, stock: Callable[[str], Stock], programs: ExitStack, tmp_path: Path) -> None:
    """`flwr`, executor and ServerApp of the release on our SuperLink, with our nodes."""
    superlink = SuperLink(stock(cell.release), tmp_path / "superlink", program=our_program("superlink"))
    programs.callback(superlink.stop)
    for partition in (0, 1):
        start_our_node(programs, superlink.http_address, partition, tmp_path)

    rounds = superlink.run(tmp_path / "run", CONFIG)

    assert_trained_by(rounds, 2)


@pytest.mark.usefixtures("idle")
def test_cli(
    cell: Cell, stock: Callable[[str], Stock], our_superlink: SuperLink, programs: ExitStack, tmp_path: Path
) -> None:
    """`flwr` of the release runs, lists, shows and stops on our SuperLink, whose ServerApps are of the latest."""
    flwr = Flwr(stock(cell.release), tmp_path, our_superlink.address)
    for partition in (0, 1):
        node = start_our_node(programs, our_superlink.http_address, partition, tmp_path)
    run = flwr.start_run(tmp_path / "run", CONFIG)
    assert run.wait() == "finished:completed", run.process.tail()
    assert_trained_by(run.rounds, 2)
    assert "[ROUND 2/2]" in flwr.log(run.run_id)

    endless = {**CONFIG, "fault": "sleep", "fault-partition": 1, "fault-seconds": 600.0}
    stopped = flwr.start_run(tmp_path / "stopped", endless)
    node.wait_for_line("fault sleep begins on partition 1", JOIN_TIMEOUT)
    stopped.stop()
    assert stopped.wait() == "finished:stopped"


def test_serverapp(cell: Cell, stock: Callable[[str], Stock], programs: ExitStack, tmp_path: Path) -> None:
    """Our ServerApp on a stock SuperLink of the release, with our nodes."""
    address = start_waiting_superlink(programs, stock(cell.release), tmp_path)
    for partition in (0, 1):
        start_our_node(programs, address, partition, tmp_path)

    server = start_our_server(programs, tmp_path, "--superlink", address)

    assert_server_trained(server, tmp_path)


def test_classic(cell: Cell, stock: Callable[[str], Stock], programs: ExitStack, tmp_path: Path) -> None:
    """Our nodes at `start_server` of the release, and its `start_client` at our server."""
    peers, ours = Peers(stock(cell.release), tmp_path / "peers"), Programs(tmp_path)
    programs.callback(ours.stop)
    programs.callback(peers.stop)
    server = peers.server()
    for partition in (0, 1):
        ours.node(peers.address, partition, "--transport", "classic")
    assert server.wait(SERVER_TIMEOUT) == 0, server.tail()
    for number in range(1, ROUNDS + 1):
        assert_round_is_the_mean(peers, number, (0, 1))

    hosting = ours.server("--port", 0, "--classic-port", 0, "--rounds", ROUNDS)
    for partition in (0, 1):
        peers.client(address_of(hosting, "classic"), partition)
    assert hosting.wait(SERVER_TIMEOUT) == 0, hosting.tail()
    assert_our_rounds_are_means(ours, ROUNDS, (0, 1))


@pytest.mark.usefixtures("idle")
def test_federation(
    cell: Cell, stock: Callable[[str], Stock], our_superlink: SuperLink, programs: ExitStack, tmp_path: Path
) -> None:
    """One federation that no stock SuperLink offers: a run is trained by nodes of five releases over both wires, and by ours over each."""
    nodes = [
        start_our_node(programs, our_superlink.http_address, 0, tmp_path),
        start_our_node(programs, our_superlink.fleet_address, 1, tmp_path),
    ]
    for release in FEDERATION:
        address = our_superlink.address_on(Release.of(release).wire)
        nodes.append(start_stock_node(programs, stock(release), address, len(nodes), tmp_path / release))
    wait_for_nodes(our_superlink, len(nodes), nodes)

    rounds = our_superlink.run(tmp_path / "run", {**CONFIG, "min-nodes": len(nodes)})

    assert_trained_by(rounds, len(nodes))


@pytest.mark.usefixtures("idle")
def test_refusal(
    cell: Cell, stock: Callable[[str], Stock], our_superlink: SuperLink, programs: ExitStack, tmp_path: Path
) -> None:
    """The release before the oldest that works: our node, and our SuperLink's log, say which one is needed, and the
    ServerApp does not wait for a node that cannot answer."""
    release = stock(cell.release)
    wanted = r"Flower release before 1\.20, .*: install 1\.20 or later"
    superlink = SuperLink(release, tmp_path / "superlink", grpc=True)
    programs.callback(superlink.stop)
    command = [our_program("interop_node"), "--superlink", superlink.fleet_address, "--insecure"]
    node = Process("interop_node", command, tmp_path)
    programs.callback(node.stop)
    assert node.wait(JOIN_TIMEOUT) == 1, node.tail()
    node.wait_for_line(rf"^error: the SuperLink is of a {wanted}$", 1)

    theirs = start_stock_node(programs, release, our_superlink.fleet_address, 0, tmp_path)
    run = our_superlink.start_run(tmp_path / "run", {**CONFIG, "min-nodes": 1})
    theirs.wait(JOIN_TIMEOUT)
    our_superlink.process.wait_for_line(rf"warning node \d+ is refused: this SuperNode is of a {wanted}$", 1)
    wait_until(lambda: run.rounds.numbers, JOIN_TIMEOUT, "the ServerApp to hear of it")
    assert [reply.error_code for reply in run.rounds.replies(1)] == [NODE_UNAVAILABLE]
