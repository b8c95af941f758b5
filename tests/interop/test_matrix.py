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
from conftest import our_program
from support.cells import COMBINATIONS, COMBINATIONS_NOT_YET, FEDERATION, combination_name, has_role
from support.processes import Process, wait_until
from support.releases import LATEST, Release
from support.rounds import Arrays, Rounds, assert_close, assert_federated_average, drifted, weighted_average
from support.stock import Flwr, Stock, SuperLink, start_supernode

ROUNDS = 2
CONFIG = {"num-server-rounds": ROUNDS}
JOIN_TIMEOUT = 60.0
SERVER_TIMEOUT = 120.0

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
        cells = [Cell(LATEST, combination_name(sides)) for sides in COMBINATIONS if sides not in COMBINATIONS_NOT_YET]
    elif role == "federation":
        cells = [Cell(LATEST, role)]
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


def run_our_server(programs: ExitStack, folder: Path, *options: str | Path) -> tuple[Process, str]:
    """Our ServerApp in its own SuperLink, and the address of that."""
    command = [our_program("server_app"), "--insecure", "--port", "0", "--min-nodes", "2", "--rounds", str(ROUNDS)]
    server = Process("server_app", [*command, "--out", folder / "out", *options], folder, env={"OMP_NUM_THREADS": "1"})
    programs.callback(server.stop)
    return server, server.wait_for_line(r"^Fleet API \(http\) listening on (\S+)$", JOIN_TIMEOUT)[1]


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
        options = ["--fab", Flwr(stock(LATEST), tmp_path, "").build_fab()] if node == "stock" else []
        server, address = run_our_server(programs, tmp_path, *options)
        start_nodes(address)
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
