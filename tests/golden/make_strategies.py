# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes strategies.json: what stock Flower's strategies make of the same replies, round after round.

Run by hand with Flower 1.42.0 and NumPy 2.4.6 (`pip install flwr==1.42.0`):

    python make_strategies.py > strategies.json

A reply set is a global model to begin with and, for each round, what every node answers. A case is a strategy, its
parameters, a reply set, and what came out of each round, the outcome of one being the global model of the next.
tests/interop/test_strategies.py makes such cases anew, with other numbers and larger arrays, each time it runs.

A strategy more is a line in STRATEGIES; a layout more is a line in `reply_sets`.
"""

from __future__ import annotations

import json
import logging
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import flwr
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import strategy as stock
from flwr.serverapp.strategy import strategy_utils
from flwr.supercore.task_identity import TaskIdentity

SEED = 20240607

Arrays = dict[str, np.ndarray]


@dataclass
class Reply:
    """What one node answers; without arrays it is an error."""

    node: int
    arrays: Arrays | None
    metrics: dict[str, Any]


@dataclass
class ReplySet:
    """A global model, and the replies of each round in the order of their arrival."""

    name: str
    initial: Arrays
    rounds: list[list[Reply]]

    @property
    def nodes(self) -> list[int]:
        return [reply.node for reply in self.rounds[0]]


# ---- Replies ---------------------------------------------------------------------------------------------------------


@dataclass
class Maker:
    """Draws reply sets; `largest` is about the number of elements of their largest array."""

    random: np.random.Generator
    largest: int

    def values(self, dtype: str, shape: tuple[int, ...], round_: int = 0) -> np.ndarray:
        """Numbers near those of other nodes and other rounds, as those of a model are."""
        kind = np.dtype(dtype).kind
        if kind == "b":
            return np.asarray(self.random.integers(0, 2, shape)).astype(dtype)
        if kind in "iu":
            info = np.iinfo(dtype)
            low, high = max(info.min, -1000), min(info.max, 1000)
            return np.asarray(self.random.integers(low, high, shape)).astype(dtype)
        trend = np.cos(np.arange(int(np.prod(shape)))).reshape(shape) * (1 + 0.3 * round_)
        real = trend + self.random.normal(0, 0.4, shape)
        if kind == "c":
            return np.asarray(real + 1j * self.random.normal(0, 0.4, shape)).astype(dtype)
        return np.asarray(real).astype(dtype)

    def layout(self, dtype: str) -> dict[str, tuple[str, tuple[int, ...]]]:
        """A model of one type in which every kind of shape occurs."""
        rows = int(self.random.integers(2, 5))
        return {
            "matrix": (dtype, (rows, max(1, self.largest // rows))),
            "vector": (dtype, (int(self.random.integers(1, 5)),)),
            "scalar": (dtype, ()),
            "empty": (dtype, (0, 3)),
            "tensor": (dtype, (2, 1, int(self.random.integers(1, 3)), 1)),
        }

    def metrics(self, real_weights: bool) -> dict[str, Any]:
        examples = self.random.uniform(0.25, 40) if real_weights else self.random.integers(1, 500)
        return {
            "num-examples": round(float(examples), 3) if real_weights else int(examples),
            "train_loss": round(self.random.uniform(0.1, 3), 3),
            "hits": int(self.random.integers(0, 100)),
            "list": [round(float(value), 3) for value in self.random.normal(0, 1, 2)],
        }

    def replies(
        self,
        name: str,
        layout: dict[str, tuple[str, tuple[int, ...]]],
        nodes: int,
        rounds: int,
        *,
        initial: Arrays | None = None,
        real_weights: bool = False,
    ) -> ReplySet:
        model = {key: self.values(dtype, shape) for key, (dtype, shape) in layout.items()}
        return ReplySet(
            name,
            initial or model,
            [
                [
                    Reply(
                        100 + node,
                        {key: self.values(dtype, shape, round_) for key, (dtype, shape) in layout.items()},
                        self.metrics(real_weights),
                    )
                    for node in range(nodes)
                ]
                for round_ in range(1, rounds + 1)
            ],
        )


def with_errors(replies: ReplySet) -> ReplySet:
    """The last node fails in the first round, all fail in the second one."""
    for reply in [replies.rounds[0][-1], *replies.rounds[1]]:
        reply.arrays = None
    return replies


def with_small_steps(replies: ReplySet) -> ReplySet:
    """Near the end of a training: the replies differ from the initial model by about a thousandth, some not at all."""
    for round_ in replies.rounds:
        for reply in round_:
            for key, value in reply.arrays.items():
                step = 1e-3 * (value - replies.initial[key])
                step[..., :1] = 0
                reply.arrays[key] = np.asarray(replies.initial[key] + step)
    return replies


def in_orders(replies: ReplySet) -> ReplySet:
    """`fortran` lies in Fortran order at all nodes, `mixed` at every second one."""
    for round_ in replies.rounds:
        for number, reply in enumerate(round_):
            reply.arrays["fortran"] = np.asfortranarray(reply.arrays["fortran"])
            if number % 2:
                reply.arrays["mixed"] = np.asfortranarray(reply.arrays["mixed"])
    return replies


def with_keys_turned(replies: ReplySet) -> ReplySet:
    """Every second node, the first one too, sends arrays and metrics in another order than that of the global model."""
    for round_ in replies.rounds:
        for reply in round_[::2]:
            reply.arrays = dict(reversed(reply.arrays.items()))
            reply.metrics = dict(reversed(reply.metrics.items()))
    return replies


def with_large_integers(replies: ReplySet) -> ReplySet:
    """As large as they can be for a double to hold their sums without loss."""
    for round_ in replies.rounds:
        for reply in round_:
            for key in ("int64", "uint64"):
                reply.arrays[key] = reply.arrays[key] * 2**40
    return replies


def with_weights(replies: ReplySet, weights: list[float]) -> ReplySet:
    for round_ in replies.rounds:
        for reply, weight in zip(round_, weights, strict=True):
            reply.metrics["num-examples"] = weight
    return replies


def booster(random: np.random.Generator, trees: int) -> np.ndarray:
    """A model of XGBoost, as the JSON text that it saves."""
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(trees)},
        "iteration_indptr": list(range(trees + 1)),
        "tree_info": [0] * trees,
        "trees": [
            {
                "base_weights": [round(float(value), 3) for value in random.normal(0, 1, 3)],
                "id": tree,
                "left_children": [1, -1, -1],
            }
            for tree in range(trees)
        ],
    }
    learner = {
        "attributes": {},
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "2", "num_target": "1"},
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    text = json.dumps({"learner": learner, "version": [2, 0, 3]}, separators=(",", ":"))
    return np.frombuffer(text.encode(), dtype=np.uint8)


def with_boosters(replies: ReplySet, random: np.random.Generator) -> ReplySet:
    """Models of XGBoost in place of the arrays; the first round begins with none."""
    replies.initial = {"0": np.zeros(0, np.uint8)}
    for round_ in replies.rounds:
        for reply in round_:
            reply.arrays = {"0": booster(random, int(random.integers(1, 3)))}
    return replies


def reply_sets(random: np.random.Generator, largest: int) -> list[ReplySet]:
    make = Maker(random, largest)
    floats = ("float16", "float32", "float64")
    return [
        make.replies("float64", make.layout("float64"), nodes=5, rounds=4),
        make.replies("float32", make.layout("float32"), nodes=9, rounds=3, real_weights=True),
        make.replies("float16", make.layout("float16"), nodes=4, rounds=3),
        make.replies(
            "integers",
            {"counts": ("int64", (2, 3)), "steps": ("int32", ()), "pixels": ("uint8", (3,)), "mask": ("bool", (4,))},
            nodes=3,
            rounds=2,
        ),
        make.replies(
            "mixed types",
            {"weight": ("float32", (2, 3)), "tracked": ("int64", ()), "scale": ("float64", (2,))},
            nodes=2,
            rounds=3,
        ),
        # Nodes that train in another precision than that of the global model.
        make.replies(
            "precisions",
            {"weight": ("float64", (3,))},
            nodes=3,
            rounds=2,
            initial={"weight": make.values("float32", (3,))},
        ),
        with_errors(make.replies("errors", {"weight": ("float64", (2, 2))}, nodes=7, rounds=4)),
        with_small_steps(make.replies("small steps", {"weight": ("float64", (2, 3))}, nodes=3, rounds=3)),
        in_orders(
            make.replies(
                "orders",
                {
                    "fortran": ("float32", (2, 3, 2)),
                    "mixed": ("float64", (3, 2)),
                    "big32": (">f4", (3,)),
                    "big64": (">f8", (2,)),
                },
                nodes=4,
                rounds=2,
            )
        ),
        with_keys_turned(
            make.replies("keys turned", {key: ("float64", (2,)) for key in ("c", "a", "b")}, nodes=3, rounds=2)
        ),
        with_weights(make.replies("a weight of 0", {"weight": ("float64", (3,))}, nodes=3, rounds=2), [5, 0, 3.5]),
        with_boosters(make.replies("boosters", {}, nodes=3, rounds=3), random),
        with_large_integers(
            make.replies(
                "all types",
                {
                    **{dtype: (dtype, (3,)) for dtype in (*floats, ">f2", "complex64", "complex128", "bool", ">i4")},
                    **{f"{sign}int{bits}": (f"{sign}int{bits}", (2,)) for sign in ("", "u") for bits in (8, 16, 32, 64)},
                },
                nodes=3,
                rounds=1,
            )
        ),
    ]


# ---- Strategies ------------------------------------------------------------------------------------------------------

# What every strategy is tried with: arrays of real numbers, keys in the same order.
REAL = ("float64", "float32", "float16", "integers", "mixed types", "precisions", "errors", "small steps", "orders")
# What they are tried with that keep all replies: there the types of the global model decide, with us.
KEPT = tuple(of for of in REAL if of != "precisions")
MEAN = (*REAL, "a weight of 0", "keys turned")
# Those with nodes enough for Krum's scores to be sums of two distances at least. Of one distance, the two replies that are
# nearest to each other have the same, and it is the rounding of the machine's BLAS that decides which one Flower takes.
TIELESS = ("float64", "float32", "float16", "errors", "orders")

Draw = Callable[[np.random.Generator, ReplySet], dict[str, Any]]


@dataclass
class Entry:
    """How a strategy is tried: with its defaults on the first of `sets`, with drawn parameters on all."""

    sets: tuple[str, ...] = MEAN
    draw: Draw | None = None  # its own parameters, for a reply set; None: it has none
    required: dict[str, Any] = field(default_factory=dict)  # those without a default
    wide: bool = False  # Flower gets float16 as float64, and what it makes of it is rounded to float16


def draw_fed_opt(random: np.random.Generator, _: ReplySet) -> dict[str, Any]:
    # A smaller tau would turn the rounding of float16 into whole steps.
    return {"eta": random.uniform(0.2, 0.9), "eta_l": random.uniform(0.01, 0.5), "tau": random.uniform(0.1, 0.3)}


def draw_betas(random: np.random.Generator, replies: ReplySet) -> dict[str, Any]:
    betas = {"beta_1": random.uniform(0.3, 0.8), "beta_2": random.uniform(0.5, 0.95)}
    return {**draw_fed_opt(random, replies), **betas}


def draw_malicious_nodes(_: np.random.Generator, replies: ReplySet) -> dict[str, Any]:
    nodes = len(replies.nodes)
    return {"num_malicious_nodes": min(nodes // 4, nodes - 4)}


def draw_krum(random: np.random.Generator, replies: ReplySet) -> dict[str, Any]:
    nodes = len(replies.nodes)
    return {"num_malicious_nodes": nodes // 4, "num_nodes_to_select": int(random.integers(2, max(3, nodes - 1)))}


STRATEGIES: dict[str, Entry] = {
    "FedAvg": Entry((*MEAN, "all types")),
    "FedAvgM": Entry(
        # It pairs arrays by their positions.
        (*REAL, "a weight of 0"),
        lambda random, _: {
            "server_learning_rate": random.uniform(0.3, 1.5),
            "server_momentum": random.uniform(0.3, 0.9),
        },
    ),
    "FedProx": Entry(("float64", "all types"), lambda random, _: {"proximal_mu": random.uniform(0.1, 2)}),
    "FedAdagrad": Entry(MEAN, draw_fed_opt),
    "FedAdam": Entry(MEAN, draw_betas),
    "FedYogi": Entry(MEAN, draw_betas),
    "FedMedian": Entry(KEPT),
    "FedTrimmedAvg": Entry(KEPT, lambda random, _: {"beta": random.uniform(0.25, 0.45)}),
    # In float16 the distances that Flower chooses by have three digits, or are infinite or NaN where models are long.
    "Krum": Entry(TIELESS, draw_malicious_nodes, wide=True),
    "MultiKrum": Entry(KEPT, draw_krum, wide=True),
    "Bulyan": Entry(KEPT, lambda _, replies: {"num_malicious_nodes": max(0, (len(replies.nodes) - 3) // 4)}, wide=True),
    "QFedAvg": Entry(
        # It cannot subtract from integers, and takes squares in the type of each array: float32 blurs float64 beside it.
        tuple(of for of in REAL if of not in ("integers", "mixed types", "orders")),
        lambda random, _: {"client_learning_rate": random.uniform(0.02, 2), "q": random.uniform(0.1, 2)},
        {"client_learning_rate": 0.1},
    ),
    "FedXgbBagging": Entry(("boosters",)),
    "FedXgbCyclic": Entry(("boosters",)),
}


# ---- Running stock Flower ---------------------------------------------------------------------------------------------


class FakeGrid:
    """All that strategies ask a Grid for outside of `start`."""

    def __init__(self, nodes: list[int]) -> None:
        self._nodes = nodes

    def get_node_ids(self) -> list[int]:
        return list(self._nodes)


def to_record(arrays: Arrays) -> ArrayRecord:
    return ArrayRecord({key: Array(value) for key, value in arrays.items()})


def to_message(reply: Reply) -> Message:
    # Some strategies take the arrays out of the messages they are given, so each gets its own.
    instruction = Message(RecordDict(), dst_node_id=reply.node, message_type="train")
    if reply.arrays is None:
        return Message(Error(2, "no data"), reply_to=instruction)
    content = {"arrays": to_record(reply.arrays), "metrics": MetricRecord(dict(reply.metrics))}
    return Message(RecordDict(content), reply_to=instruction)


def run_stock(strategy: Any, replies: ReplySet) -> Iterator[dict[str, Any]]:
    """The outcome of each round."""
    grid = FakeGrid(replies.nodes)
    arrays = to_record(replies.initial)
    for number, round_ in enumerate(replies.rounds, 1):
        config = ConfigRecord()
        asked = [message.metadata.dst_node_id for message in strategy.configure_train(number, arrays, config, grid)]
        messages = [to_message(reply) for reply in round_ if reply.node in asked]
        new, metrics = strategy.aggregate_train(number, messages)
        outcome = {
            "nodes": sorted(asked),
            "config": dict(config),
            "arrays": None if new is None else {key: array.numpy() for key, array in new.items()},
            "metrics": None if metrics is None else dict(metrics),
        }
        arrays = arrays if new is None else new
        evaluated = list(strategy.configure_evaluate(number, arrays, ConfigRecord(), grid))
        asked = [message.metadata.dst_node_id for message in evaluated]
        metrics = strategy.aggregate_evaluate(number, [to_message(reply) for reply in round_ if reply.node in asked])
        outcome["evaluate_metrics"] = None if metrics is None else dict(metrics)
        yield outcome


def with_types(arrays: Arrays, types: dict[str, Any]) -> Arrays:
    return {key: np.asarray(value.astype(types.get(value.dtype.name, value.dtype))) for key, value in arrays.items()}


def widened(replies: ReplySet) -> ReplySet:
    """The same numbers, those of float16 as float64."""
    wide = {"float16": np.float64}
    rounds = [[Reply(r.node, r.arrays and with_types(r.arrays, wide), r.metrics) for r in round_] for round_ in replies.rounds]
    return ReplySet(replies.name, with_types(replies.initial, wide), rounds)


def run_wide(strategy: Any, replies: ReplySet) -> Iterator[dict[str, Any]]:
    """The outcomes of replies in float16, which Flower gets as float64."""
    for outcome in run_stock(strategy, widened(replies)):
        if outcome["arrays"] is not None:
            outcome["arrays"] = with_types(outcome["arrays"], {"float64": np.float16})
        yield outcome


def make_cases(seed: int, largest: int) -> tuple[list[ReplySet], list[dict[str, Any]]]:
    """Reply sets and cases, drawn with `seed`. Outcomes hold NumPy arrays."""
    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
    logging.getLogger("flwr").setLevel(logging.ERROR)
    # Whom a strategy asks is drawn at random; here it is always the first ones.
    strategy_utils.random = types.SimpleNamespace(sample=lambda nodes, count: nodes[:count])

    random = np.random.default_rng(seed)
    sets = {replies.name: replies for replies in reply_sets(random, largest)}
    cases = []
    for name, entry in STRATEGIES.items():
        tries = [(entry.sets[0], dict(entry.required))]
        if entry.draw:
            tries += [(of, entry.draw(random, sets[of])) for of in entry.sets]
        else:
            tries += [(of, dict(entry.required)) for of in entry.sets[1:]]
        for of, parameters in tries:
            run = run_wide if entry.wide and of == "float16" else run_stock
            rounds = list(run(getattr(stock, name)(**parameters), sets[of]))
            cases.append({"strategy": name, "parameters": parameters, "replies": of, "rounds": rounds})
    return list(sets.values()), cases


# ---- Files ------------------------------------------------------------------------------------------------------------


def encode(value: Any) -> Any:
    """Arrays as [type, shape, order, elements in hexadecimal]; the file is a few times smaller than with .npy."""
    if isinstance(value, np.ndarray):
        order = "C" if value.flags.c_contiguous else "F"
        return [value.dtype.str, list(value.shape), order, value.tobytes(order=order).hex()]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(value: list[Any]) -> np.ndarray:
    """An array that `encode` wrote."""
    dtype, shape, order, elements = value
    return np.frombuffer(bytes.fromhex(elements), dtype=dtype).reshape(shape, order=order)


def to_json(sets: list[ReplySet], cases: list[dict[str, Any]]) -> str:
    """One line a reply set and a case."""

    def line(value: Any) -> str:
        return json.dumps(encode(value), separators=(",", ":"))

    def reply(value: Reply) -> dict[str, Any]:
        if value.arrays is None:
            return {"node": value.node, "error": 2}
        return {"node": value.node, "arrays": value.arrays, "metrics": value.metrics}

    replies = ",\n".join(
        f'"{one.name}":' + line({"initial": one.initial, "rounds": [[reply(r) for r in round_] for round_ in one.rounds]})
        for one in sets
    )
    all_cases = ",\n".join(line(case) for case in cases)
    versions = f'"flwr":"{flwr.__version__}","numpy":"{np.__version__}"'
    return f'{{{versions},"replies":{{\n{replies}\n}},"cases":[\n{all_cases}\n]}}\n'


if __name__ == "__main__":
    print(to_json(*make_cases(SEED, largest=8)), end="")
