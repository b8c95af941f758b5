# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock's differential-privacy wrappers with client-side clipping, and nodes that clip with our mods; and the other way round.

Mostly without noise, so that what arrives, and what becomes of it, can be compared with NumPy's opinion. Where there is
noise, it is what is left of it, and its distribution is looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.nodes import CppNodes, Node, NodeOptions, Nodes, StockNodes
from support.processes import Process
from support.programs import Programs, Reachable, address_of
from support.rounds import Arrays, Rounds, assert_close, assert_federated_average, drifted, saved_model, weighted_average
from support.stock import SuperLink

ROUNDS = 2
LEGACY = pytest.mark.parametrize("legacy", [False, True], ids=["message-based", "legacy"])


def start_nodes(nodes: Nodes, superlink: SuperLink, mod: str) -> list[Node]:
    if not isinstance(nodes, CppNodes):
        pytest.skip("stock SuperNodes get their mods from the app")
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


def assert_gaussian(noise: np.ndarray, sigma: float) -> None:
    """Mean, standard deviation and shape within six standard errors: a chance of failing of one in a hundred million."""
    root = math.sqrt(noise.size)
    assert noise.size > 20_000
    assert abs(noise.mean()) < 6 * sigma / root
    assert noise.std() == pytest.approx(sigma, rel=6 / math.sqrt(2) / root)
    within = 0.6827  # of one sigma
    assert np.mean(np.abs(noise) < sigma) == pytest.approx(within, abs=6 * math.sqrt(within * (1 - within)) / root)


def flat(arrays: Arrays) -> np.ndarray:
    return np.concatenate([array.ravel().astype(np.float64) for array in arrays.values()])


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


def test_local_differential_privacy(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """Each reply is clipped, and has noise of its own; the server needs no wrapper."""
    joined = start_nodes(nodes, superlink, "LocalDpMod")

    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": 1})

    sent = rounds.sent(1)
    norm, sensitivity, epsilon, delta = 0.1, 0.02, 0.5, 1e-5  # as in cpp/interop_node.cc
    noises = []
    for partition, node in enumerate(joined):
        assert norm_of(drifted(sent, partition, 1), sent) > norm
        exact = clipped(drifted(sent, partition, 1), sent, norm)
        noises.append(flat(rounds.received(1, node.node_id)) - flat(exact))
        assert_gaussian(noises[-1], sensitivity * math.sqrt(2 * math.log(1.25 / delta)) / epsilon)
    assert abs(np.corrcoef(*noises)[0, 1]) < 6 / math.sqrt(noises[0].size), "the nodes' noises are one"


def test_a_node_without_the_norm_says_so(superlink: SuperLink, nodes: Nodes, tmp_path: Path) -> None:
    """Plain FedAvg sends no clipping norm: the replies are errors of code 6, and the model stays as it was."""
    start_nodes(nodes, superlink, "fixedclipping_mod")

    rounds = superlink.run(tmp_path / "run", {"num-server-rounds": 1})

    replies = rounds.replies(1)
    assert [reply.error_code for reply in replies] == [6, 6]
    assert all("clipping_norm" in reply.error_reason for reply in replies)


# Our wrappers and stock SuperNodes.

PARTITIONS = range(3)


@dataclass(frozen=True)
class Served:
    """What a server of ours wrote down and said."""

    out: Path
    process: Process

    def mean_of_clipped(self, number: int, norm: float) -> tuple[Arrays, dict[int, int]]:
        """The mean of what the nodes trained, clipped, and whose updates were longer than the norm."""
        before = saved_model(self.out, number - 1)
        trained = {partition: drifted(before, partition, number) for partition in PARTITIONS}
        longer = {partition: int(norm_of(arrays, before) > norm) for partition, arrays in trained.items()}
        assert set(longer.values()) == {0, 1}, "as many as were tried for were not clipped"
        parts = [(clipped(arrays, before, norm), 10 * (partition + 1)) for partition, arrays in trained.items()]
        return weighted_average(parts), longer

    def assert_mean_of_clipped(self, number: int, norm: float) -> dict[int, int]:
        """The model is this mean; returns whose updates were longer than the norm."""
        mean, longer = self.mean_of_clipped(number, norm)
        # Elements are some thousandths, and float32.
        assert_close(saved_model(self.out, number), mean, tolerance=2e-9)
        return longer

    def norm_bits(self, number: int) -> dict[int, int] | None:
        """Those that arrived, by partition."""
        match = re.search(rf"^round {number}: examples ([\d ]+), .*\nnorm bits ([\d ]+)$", self.process.output("out"), re.M)
        if match is None:
            return None
        examples, bits = (map(int, numbers.split()) for numbers in match.groups())
        return {each // 10 - 1: bit for each, bit in zip(examples, bits, strict=True)}

    def next_norm(self, number: int) -> float:
        """What the server said after a round."""
        return float(re.findall(r"the clipping norm of the next round is (\S+)$", self.process.output("err"), re.M)[number - 1])


@pytest.fixture
def serve(programs: Programs, python_nodes: StockNodes, fab: Callable[..., Path]) -> Callable[..., Served]:
    """Runs our server in a wrapper and with a norm; its nodes are stock, with the stock mod if they are to clip."""

    def run(dp: str, norm: float, *more: object, rounds: int = ROUNDS) -> Served:
        clips, kind = dp.split("-")
        server = programs.start(
            "interop_server", "--dp", dp, "--clipping-norm", norm, "--rounds", rounds, "--min-nodes", len(PARTITIONS),
            "--fab", fab("clipping" if clips == "client" else ""), "--out", programs.out, *more,
        )  # fmt: skip
        reachable = Reachable(address_of(server))
        for partition in PARTITIONS:
            options = NodeOptions(partition, len(PARTITIONS), config=f'clipping="{kind}"')
            python_nodes.launch(reachable, options)
        assert server.wait(120) == 0, server.tail()
        return Served(programs.out, server)

    return run


# The first clips two of the three nodes in the first round, the second one.
NORMS = pytest.mark.parametrize("norm", [0.006, 0.01])


@pytest.mark.parametrize("clips", ["client", "server"])
def test_our_fixed_clipping_with_stock_nodes(serve: Callable[..., Served], clips: str) -> None:
    norm = 0.006
    served = serve(f"{clips}-fixed", norm)
    for number in (1, ROUNDS):
        served.assert_mean_of_clipped(number, norm)
        assert served.norm_bits(number) is None


@NORMS
@pytest.mark.parametrize("clips", ["client", "server"])
def test_our_adaptive_clipping_with_stock_nodes(serve: Callable[..., Served], clips: str, norm: float) -> None:
    """The norm falls when two of three were clipped, and rises when one was."""
    served = serve(f"{clips}-adaptive", norm)
    for number in (1, ROUNDS):
        longer = served.assert_mean_of_clipped(number, norm)
        assert served.norm_bits(number) == (longer if clips == "client" else None)
        norm *= math.exp(-0.2 * (sum(longer.values()) / len(longer) - 0.5))
        assert served.next_norm(number) == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize("adaptive", [False, True], ids=["fixed", "adaptive"])
@pytest.mark.parametrize("clips", ["client", "server"])
def test_noise_of_our_wrappers_with_stock_nodes(serve: Callable[..., Served], clips: str, adaptive: bool) -> None:
    """The model is the mean of what was clipped, and noise of the multiplier times the norm over the number of nodes."""
    norm, multiplier = 0.2, 0.2
    kind = "adaptive" if adaptive else "fixed"
    served = serve(f"{clips}-{kind}", norm, "--noise-multiplier", multiplier, "--columns", 6000, rounds=1)

    mean, _ = served.mean_of_clipped(1, norm)
    if adaptive:  # a part of the budget is for the count of the clipped
        multiplier = (multiplier**-2 - (2 * len(PARTITIONS) / 20) ** -2) ** -0.5
    assert_gaussian(flat(saved_model(served.out, 1)) - flat(mean), multiplier * norm / len(PARTITIONS))
