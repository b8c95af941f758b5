# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""What a recording ServerApp wrote down (stock_app/cnnapp/recording.py), and NumPy's opinion of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Reply:
    """One node's reply, without its arrays."""

    node_id: int
    num_examples: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    records: list[str] = field(default_factory=list)
    error_code: int | None = None
    error_reason: str = ""


@dataclass(frozen=True)
class Rounds:
    """The folder that a ServerApp writes into; it may still be writing."""

    folder: Path

    @property
    def numbers(self) -> list[int]:
        """The rounds whose training has been aggregated."""
        return sorted(int(path.parent.name.removeprefix("round-")) for path in self.folder.glob("round-*/train.json"))

    @property
    def begun(self) -> list[int]:
        """The rounds whose training has been set up."""
        return sorted(int(path.parent.name.removeprefix("round-")) for path in self.folder.glob("round-*/global.npz"))

    def sent(self, number: int) -> Arrays:
        """The global model that the round began with."""
        return self._load(number, "global")

    def received(self, number: int, node_id: int) -> Arrays:
        """What a node made of it."""
        return self._load(number, f"train-{node_id}")

    def aggregate(self, number: int) -> Arrays:
        """The global model that the round ended with."""
        return self._load(number, "aggregate")

    def replies(self, number: int, phase: str = "train") -> list[Reply]:
        """All replies of a phase, in the order in which the strategy got them."""
        return [_reply(description) for description in self._phase(number, phase)["replies"]]

    def metrics(self, number: int, phase: str = "train") -> dict[str, Any] | None:
        """What the strategy made of the replies' metrics."""
        return self._phase(number, phase)["aggregate"]

    def _load(self, number: int, name: str) -> Arrays:
        with np.load(self.folder / f"round-{number}" / f"{name}.npz") as file:
            return dict(file)

    def _phase(self, number: int, phase: str) -> dict[str, Any]:
        return json.loads((self.folder / f"round-{number}" / f"{phase}.json").read_text())


def saved_model(folder: Path, number: int) -> Arrays:
    """The global model after a round of a server in `cpp`, and with 0 the first one."""
    return {path.stem: np.load(path) for path in sorted((folder / f"round-{number}").glob("*.npy"))}


def weighted_average(parts: list[tuple[Arrays, int]]) -> Arrays:
    """Each part is arrays and a weight; computed in double precision."""
    total = sum(weight for _, weight in parts)
    return {
        name: sum(arrays[name].astype(np.float64) * (weight / total) for arrays, weight in parts) for name in parts[0][0]
    }


def drifted(arrays: Arrays, partition: int, number: int) -> Arrays:
    """What a node that drifts (stock_app/cnnapp/drift.py) makes of its instruction in a round."""
    step = np.float32(0.001 * (partition + 1) * number)
    return {name: array * np.float32(0.5) + step for name, array in arrays.items()}


def assert_close(actual: Arrays, expected: Arrays, tolerance: float = 1e-6) -> None:
    """Same names in the same order, same shapes, elements equal to `tolerance`."""
    assert list(actual) == list(expected)
    for name, array in actual.items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=tolerance, err_msg=name)


def assert_federated_average(rounds: Rounds, count: int, node_ids: set[int]) -> None:
    """All `count` rounds were trained by exactly these nodes, and each global model is the average of what they sent."""
    assert rounds.numbers == list(range(1, count + 1))
    for number in rounds.numbers:
        replies = rounds.replies(number)
        assert not [reply for reply in replies if reply.error_code is not None]
        assert {reply.node_id for reply in replies} == node_ids
        assert all(reply.num_examples > 0 for reply in replies)
        before = rounds.sent(number)
        parts = [(rounds.received(number, reply.node_id), reply.num_examples) for reply in replies]
        for arrays, _ in parts:
            assert list(arrays) == list(before)
            for name, array in arrays.items():
                assert (array.dtype, array.shape) == (before[name].dtype, before[name].shape)
                assert np.isfinite(array).all() and not np.array_equal(array, before[name]), f"{name} was not trained"
        after = rounds.aggregate(number)
        assert_close(after, weighted_average(parts))
        if number < count:
            assert_close(rounds.sent(number + 1), after, tolerance=0)


def assert_metrics_averaged(rounds: Rounds, number: int, phase: str, key: str) -> None:
    """The aggregate of a metric is the mean of the nodes' values weighted by their numbers of examples."""
    replies = rounds.replies(number, phase)
    total = sum(reply.num_examples for reply in replies)
    mean = sum(reply.metrics[key] * reply.num_examples for reply in replies) / total
    aggregate = rounds.metrics(number, phase)
    assert aggregate is not None and abs(aggregate[key] - mean) < 1e-9, (key, aggregate, mean)


def _reply(description: dict[str, Any]) -> Reply:
    error = description.pop("error", None)
    if error is None:
        return Reply(**description)
    description.pop("records", None)
    return Reply(**description, error_code=error["code"], error_reason=error["reason"])
