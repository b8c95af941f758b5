# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: stock Flower, its SuperLinks, and the nodes under test. README.md tells how to run them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import processes
from support.cells import CellReport
from support.nodes import CppNodes, Nodes, StandIns, StockNodes
from support.processes import Process
from support.programs import Programs, our_program
from support.releases import LAST_WITH_GRPC_NODES, LATEST, SAMPLE
from support.stock import Flwr, Stock, SuperLink
from support.tls import Credentials, make_credentials
from support.venvs import ensure_venv


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--releases", default=",".join(SAMPLE), help="which releases test_matrix.py tries, such as 1.39.0")
    # The classic stream has a suite of its own.
    roles = "combination,federation,refusal,node,superlink,apps,cli,serverapp"
    parser.addoption("--roles", default=roles, help=f"which of its tests are run: {roles} (the default), classic")
    parser.addoption("--cells", type=Path, help="file that the cells of the matrix are written to")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what --roles has left without cells, which pytest would call skipped."""
    empty = [item for item in items if item.name.endswith("[NOTSET]")]
    config.hook.pytest_deselected(items=empty)
    items[:] = [item for item in items if item not in empty]


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--cells"):
        config.pluginmanager.register(CellReport(config.getoption("--cells")))


@dataclass(frozen=True)
class Wire:
    """A way for nodes to reach a SuperLink: stock's, or ours in its place."""

    name: str
    release: str
    grpc: bool
    ours: bool = False


HTTP = Wire("http", LATEST, grpc=False)
GRPC = Wire("grpc", LATEST, grpc=True)
OURS_HTTP = Wire("our-superlink-http", LATEST, grpc=False, ours=True)
OURS_GRPC = Wire("our-superlink-grpc", LATEST, grpc=True, ours=True)
GRPC_OLD = Wire(f"grpc-{LAST_WITH_GRPC_NODES}", LAST_WITH_GRPC_NODES, grpc=True)


@pytest.fixture(scope="session")
def stock() -> Callable[[str], Stock]:
    """Gives the environment of a Flower release, and makes it on first use."""
    # Only these two also train with PyTorch.
    return lambda release: Stock(release, ensure_venv(release, torch=release in (LATEST, LAST_WITH_GRPC_NODES)))


@pytest.fixture(scope="session")
def stand_ins(stock: Callable[[str], Stock]) -> StandIns:
    """Stock SuperNodes for either wire."""
    return StandIns(http=stock(LATEST), grpc=stock(LAST_WITH_GRPC_NODES))


@pytest.fixture(scope="session")
def credentials(stock: Callable[[str], Stock], tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """Test authorities, a server certificate, and keys for three SuperNodes."""
    folder = tmp_path_factory.mktemp("tls") / "credentials"
    return make_credentials(stock(LATEST).python, folder, ["one", "two", "stranger"])


class SharedSuperLink:
    """One SuperLink for all tests of a module, made anew when a test left it with nodes that did not sign off."""

    def __init__(self, start: Callable[[], SuperLink]) -> None:
        self._start = start
        self._superlink: SuperLink | None = None

    def get(self) -> SuperLink:
        if self._superlink is None or self._superlink.process.returncode is not None:
            self._superlink = self._start()
        return self._superlink

    def drop(self) -> None:
        if self._superlink is not None:
            self._superlink.stop()
        self._superlink = None


@pytest.fixture(scope="module")
def wire(request: pytest.FixtureRequest) -> Wire:
    """The wire of the module's SuperLink; modules parametrise it, HTTP is the default."""
    return getattr(request, "param", HTTP)


@pytest.fixture(scope="module")
def shared_superlink(
    wire: Wire, stock: Callable[[str], Stock], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedSuperLink]:
    """An open SuperLink without TLS."""
    folder = tmp_path_factory.mktemp("superlink")
    program = our_program("superlink") if wire.ours else None
    shared = SharedSuperLink(lambda: SuperLink(stock(wire.release), folder, grpc=wire.grpc, program=program))
    yield shared
    shared.drop()


@pytest.fixture
def superlink(shared_superlink: SharedSuperLink) -> Iterator[SuperLink]:
    """The module's SuperLink; runs that the test leaves unfinished are stopped."""
    superlink = shared_superlink.get()
    yield superlink
    superlink.stop_runs()


def make_nodes(folder: Path, stand_ins: StandIns) -> Nodes:
    """The nodes under test, as $FLWRCPP_INTEROP_NODES says: `cpp` (the default) or `stock`."""
    kind = os.environ.get("FLWRCPP_INTEROP_NODES", "cpp")
    if kind == "stock":
        return StockNodes(folder, stand_ins)
    if kind != "cpp":
        pytest.fail(f"FLWRCPP_INTEROP_NODES must be cpp or stock, not {kind}")
    return CppNodes(folder)


@pytest.fixture
def nodes(request: pytest.FixtureRequest, tmp_path: Path, stand_ins: StandIns) -> Iterator[Nodes]:
    """Starts nodes under test; all are gone when the test ends."""
    made = make_nodes(tmp_path / "nodes", stand_ins)
    yield made
    orderly = made.stop_all()
    if not orderly and "shared_superlink" in request.fixturenames:
        request.getfixturevalue("shared_superlink").drop()


@pytest.fixture
def python_nodes(tmp_path: Path, stand_ins: StandIns) -> Iterator[StockNodes]:
    """Starts stock SuperNodes, to work side by side with the nodes under test."""
    made = StockNodes(tmp_path / "python-nodes", stand_ins)
    yield made
    made.stop_all()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts programs of ours; all are gone when the test ends."""
    made = Programs(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def fab(stock: Callable[[str], Stock], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The FAB of stock_app, of a kind as `Flwr.start_run` knows them: what stock SuperNodes run for a ServerApp of ours."""

    @functools.cache
    def build(kind: str = "") -> Path:
        return Flwr(stock(LATEST), tmp_path_factory.mktemp("fab"), "").build_fab(kind)

    return build


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails the session when a process that it started, directly or not, outlives the fixtures."""
    yield
    left = processes.stop_leftovers()
    assert not left, "processes left behind:\n" + "\n".join(left)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Shows the logs of the programs that were running, or ended, while a test failed."""
    report = yield
    if report.failed and report.when == "call":
        first = getattr(item, "first_process", 0)
        recent = [p for n, p in enumerate(Process.started) if n >= first or p.returncode is None]
        report.sections += [(f"{process.name} (pid {process.pid})", process.tail(40)) for process in recent]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.first_process = len(Process.started)  # type: ignore[attr-defined]
