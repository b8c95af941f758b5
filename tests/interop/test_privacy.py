# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock's differential-privacy wrappers with client-side clipping, and nodes that clip with our mods.

The wrappers add no noise here, so that what arrives, and what becomes of it, can be compared with NumPy's opinion.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from support.nodes import CppNodes, Node, NodeOptions, Nodes
from support.rounds import Arrays, Rounds, assert_close, assert_federated_average, drifted
from support.stock import SuperLink

ROUNDS = 2
LEGACY = pytest.mark.parametrize("legacy", [False, True], ids=["message-based", "legacy"])


@pytest.fixture(autouse=True)
def _our_nodes_only(nodes: Nodes) -> None:
    if not isinstance(nodes, CppNodes):
        pytest.skip("stock SuperNodes get their mods from the app")


def start_nodes(nodes: Nodes, superlink: SuperLink, mod: str) -> list[Node]:
    options = [NodeOptions(partition=partition, extra=("--mod", mod)) for partition in (0, 1)]
    return nodes.start_all(superlink, options, program="interop_node")


def norm_of(after: Arrays, before: Arrays) -> float:
    return math.sqrt(sum(float(np.sum((after[name].astype(np.float64) - before[name]) ** 2)) for name in before))


def clipped(after: Arrays, before: Arrays, norm: float) -> Arrays:
    factor = min(1.0, norm / norm_of(after, before))
    return {name: (before[name] + (after[name].astype(np.float64) - before[name]) * factor) for name in before}


def assert_clipped(rounds: Rounds, number: int, node: Node, partition: int, norm: float) -> bool:
    """What arrived is what the node trained, clipped to the norm; returns whether it was longer."""
    sent, received = rounds.sent(number), rounds.received(number, node.node_id)
    trained = drifted(sent, partition, number)
    assert_close(received, clipped(trained, sent, norm), tolerance=1e-6)
    assert norm_of(received, sent) == pytest.approx(min(norm, norm_of(trained, sent)), rel=1e-4)
    return norm_of(trained, sent) > norm


def norm_bits(rounds: Rounds, number: int) -> dict[int, object]:
    return {reply.node_id: reply.metrics.get("norm_bit") for reply in rounds.replies(number)}


@LEGACY
@pytest.mark.parametrize("norm", [0.1, 1000.0])
def test_fixed_clipping(superlink: SuperLink, nodes: Nodes, tmp_path: Path, norm: float, legacy: bool) -> None:
    joined = start_nodes(nodes, superlink, "fixedclipping_mod")

    config = {"num-server-rounds": ROUNDS, "clipping": "fixed", "clipping-norm": norm}
    rounds = superlink.run(tmp_path / "run", config, kind="legacy" if legacy else "")

    assert_federated_average(rounds, ROUNDS, {node.node_id for node in joined})
    for number in rounds.numbers:
        for partition, node in enumerate(joined):
            assert assert_clipped(rounds, number, node, partition, norm) == (norm < 1)
        assert set(norm_bits(rounds, number).values()) == {None}
        assert len(rounds.replies(number, "evaluate")) == 2, "evaluation is not for the mod"


@LEGACY
@pytest.mark.parametrize("norm", [0.1, 1000.0])
def test_adaptive_clipping(superlink: SuperLink, nodes: Nodes, tmp_path: Path, norm: float, legacy: bool) -> None:
    """The second round's norm is what stock makes of the first round's bits: it falls if all were clipped, else it rises."""
    joined = start_nodes(nodes, superlink, "adaptiveclipping_mod")

    config = {"num-server-rounds": ROUNDS, "clipping": "adaptive", "clipping-norm": norm}
    rounds = superlink.run(tmp_path / "run", config, kind="legacy" if legacy else "")

    assert_federated_average(rounds, ROUNDS, {node.node_id for node in joined})
    for number in rounds.numbers:
        bits = norm_bits(rounds, number)
        for partition, node in enumerate(joined):
            longer = assert_clipped(rounds, number, node, partition, norm)
            assert bits[node.node_id] == int(longer)
            assert isinstance(bits[node.node_id], bool if legacy else int)
        norm *= math.exp(-0.2 * (sum(bits.values()) / 2 - 0.5))


def test_a_node_without_the_norm_says_so(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """Plain FedAvg sends no clipping norm: the replies are errors of code 6, and the model stays as it was."""
    start_nodes(nodes, superlink, "fixedclipping_mod")

    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": 1})

    replies = rounds.replies(1)
    assert [reply.error_code for reply in replies] == [6, 6]
    assert all("clipping_norm" in reply.error_reason for reply in replies)
