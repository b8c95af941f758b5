# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Our nodes and a stock SuperLink with TLS and with SuperNode authentication."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import GRPC, HTTP, Wire
from support.nodes import NodeOptions, Nodes
from support.rounds import assert_federated_average
from support.stock import Stock, SuperLink
from support.tls import Credentials

pytestmark = pytest.mark.parametrize("wire", [HTTP, GRPC], ids=lambda wire: wire.name, indirect=True)

# What goes wrong here does not get better by trying again, except that TLS errors look like network errors to some.
FEW_TRIES = ("--max-retries", "1", "--max-wait-time", "5")


@pytest.fixture(scope="module")
def tls_superlink(
    wire: Wire, stock: Callable[[str], Stock], credentials: Credentials, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SuperLink]:
    """TLS, and every node may join."""
    folder = tmp_path_factory.mktemp("tls-superlink")
    superlink = SuperLink(stock(wire.release), folder, grpc=wire.grpc, credentials=credentials)
    yield superlink
    superlink.stop()


@pytest.fixture(scope="module")
def auth_superlink(
    wire: Wire, stock: Callable[[str], Stock], credentials: Credentials, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SuperLink]:
    """TLS, and only the nodes whose keys an operator has registered may join: `one` and `two`."""
    folder = tmp_path_factory.mktemp("auth-superlink")
    superlink = SuperLink(stock(wire.release), folder, grpc=wire.grpc, credentials=credentials, node_auth=True)
    yield superlink
    superlink.stop()


def test_tls(tls_superlink: SuperLink, nodes: Nodes, credentials: Credentials, tmp_path: Path) -> None:
    """A node that trusts the SuperLink's authority joins and trains."""
    node = nodes.start(tls_superlink, NodeOptions(root_certificates=credentials.ca))
    rounds = tls_superlink.run(tmp_path / "run", {"num-server-rounds": 1, "min-nodes": 1})
    assert_federated_average(rounds, 1, {node.node_id})


def test_wrong_authority(tls_superlink: SuperLink, nodes: Nodes, credentials: Credentials) -> None:
    """A node does not talk to a SuperLink whose certificate it cannot verify."""
    options = NodeOptions(root_certificates=credentials.other_ca, transport=tls_superlink.wire, extra=FEW_TRIES)
    nodes.assert_refused(nodes.launch(tls_superlink, options), "wrong-ca")
    assert tls_superlink.nodes() == {}


def test_no_tls(tls_superlink: SuperLink, nodes: Nodes) -> None:
    """A node with --insecure gets nowhere with a SuperLink that wants TLS."""
    options = NodeOptions(transport=tls_superlink.wire, extra=FEW_TRIES)
    nodes.assert_refused(nodes.launch(tls_superlink, options), "no-tls")
    assert tls_superlink.nodes() == {}


def test_registered_keys(auth_superlink: SuperLink, nodes: Nodes, credentials: Credentials, tmp_path: Path) -> None:
    """Nodes join as those that their keys were registered as, train, and stay registered when they leave."""
    names = ["one", "two"]
    ids = [auth_superlink.register_node(credentials.node_public_key(name)) for name in names]
    keys = [credentials.node_key(name) for name in names]
    options = [NodeOptions(i, root_certificates=credentials.ca, private_key=key) for i, key in enumerate(keys)]
    joined = nodes.start_all(auth_superlink, options)
    assert [node.node_id for node in joined] == ids

    rounds = auth_superlink.run(tmp_path / "run", {"num-server-rounds": 1, "evaluate": False})

    assert_federated_average(rounds, 1, set(ids))
    assert [node.stop() for node in joined] == [0, 0]
    assert auth_superlink.nodes() == dict.fromkeys(ids, "offline")
    again = nodes.start(auth_superlink, NodeOptions(root_certificates=credentials.ca, private_key=keys[0]))
    assert again.node_id == ids[0]


@pytest.mark.parametrize("reason", ["unknown-key", "no-key", "bad-key"])
def test_turned_away(
    auth_superlink: SuperLink, nodes: Nodes, credentials: Credentials, tmp_path: Path, reason: str
) -> None:
    """A key that nobody registered, no key, or a file that holds no key: the node says so and ends."""
    keys = {"unknown-key": credentials.node_key("stranger"), "no-key": None, "bad-key": tmp_path / "not-a-key"}
    (tmp_path / "not-a-key").write_text("this is not a key\n")
    before = auth_superlink.nodes()
    options = NodeOptions(root_certificates=credentials.ca, private_key=keys[reason], extra=FEW_TRIES)
    nodes.assert_refused(nodes.launch(auth_superlink, options), reason)
    assert auth_superlink.nodes() == before
