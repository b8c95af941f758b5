# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes xgboost.json: what stock Flower's FedXgbBagging makes of models of XGBoost.

Run by hand with Flower 1.42.0, NumPy 2.4.6 and XGBoost 3.2.0
(`pip install flwr==1.42.0 xgboost-cpu==3.2.0 scipy`):

    python make_xgboost.py > xgboost.json

Each case lists the global model, the replies' models in the order in which Flower gets them, and
the aggregate, all as JSON text. XGBoost loads every aggregate here, and its margins are those of
the global model plus what each reply's new trees add.

With the program strategy_replay as argument it writes nothing. Instead three nodes learn for some
rounds, each on the aggregate that our strategy made of the round before, for every kind of data in
KINDS; XGBoost predicts with that aggregate, and with Flower's of the same replies:

    python make_xgboost.py build/release/bin/strategy_replay
"""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flwr
import make_strategies
import numpy as np
import xgboost
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedXgbBagging
from flwr.supercore.task_identity import TaskIdentity

TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
RNG = np.random.default_rng(20240607)
FEATURES = 3


class TwoNodes:
    """A grid that knows the ids of two nodes; nothing is sent."""

    def get_node_ids(self) -> list[int]:
        return [100, 101]


def data(rows: int) -> xgboost.DMatrix:
    features = RNG.normal(size=(rows, FEATURES)).astype("float32")
    noise = RNG.normal(0, 0.3, rows)
    return xgboost.DMatrix(features, label=(features[:, 0] + noise > 0).astype("float32"))


def load(text: bytes) -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(bytearray(text))
    return booster


def train(num_parallel_tree: int, global_model: bytes) -> bytes:
    """One round of boosting on top of `global_model`; the whole model if that is empty."""
    settings = {
        "objective": "binary:logistic",
        "base_score": 0.5,
        "max_depth": 2,
        "nthread": 1,
        "num_parallel_tree": num_parallel_tree,
    }
    start = load(global_model) if global_model else None
    booster = xgboost.train(settings, data(24), 1, xgb_model=start)
    rounds = booster.num_boosted_rounds()
    return bytes(booster[rounds - 1 : rounds].save_raw("json"))


def record(model: bytes) -> ArrayRecord:
    return ArrayRecord({"0": Array(np.frombuffer(bytearray(model), dtype=np.uint8))})


def aggregate(global_model: bytes, replies: list[bytes]) -> bytes:
    messages = []
    for number, model in enumerate(replies):
        content = RecordDict({"arrays": record(model), "metrics": MetricRecord({"num-examples": 1})})
        instruction = Message(RecordDict(), dst_node_id=100 + number, message_type="train")
        messages.append(Message(content, reply_to=instruction))
    strategy = FedXgbBagging()
    list(strategy.configure_train(1, record(global_model), ConfigRecord(), TwoNodes()))
    arrays, _ = strategy.aggregate_train(1, messages)
    return arrays["0"].numpy().tobytes()


def check(merged: bytes, global_model: bytes, replies: list[bytes]) -> None:
    parts = ([global_model] if global_model else []) + replies
    rows = data(50)
    margins = [load(part).predict(rows, output_margin=True) for part in parts]
    actual = load(merged).predict(rows, output_margin=True)
    np.testing.assert_allclose(actual, np.sum(margins, axis=0), rtol=1e-5, atol=1e-6)


def case(name: str, global_model: bytes, replies: list[bytes]) -> dict:
    merged = aggregate(global_model, replies)
    check(merged, global_model, replies)
    return {
        "name": name,
        "global": global_model.decode(),
        "replies": [reply.decode() for reply in replies],
        "aggregate": merged.decode(),
    }


# ---- Our strategy ----------------------------------------------------------------------------------

ROUNDS = 3
NODES = 3
Make = Callable[[np.random.Generator, np.ndarray], xgboost.DMatrix]


def plain(random: np.random.Generator, x: np.ndarray, **more: Any) -> xgboost.DMatrix:
    return xgboost.DMatrix(x, label=(x[:, 0] + random.normal(0, 0.3, len(x)) > 0).astype("float32"), **more)


def missing(random: np.random.Generator, x: np.ndarray) -> xgboost.DMatrix:
    return plain(random, np.where(random.random(x.shape) < 0.2, np.nan, x))


def categories(random: np.random.Generator, x: np.ndarray) -> xgboost.DMatrix:
    x = np.column_stack([random.integers(0, 7, len(x)), x[:, 1:]])
    label = (x[:, 0] % 2).astype("float32")
    return xgboost.DMatrix(x, label=label, feature_types=["c", *"q" * (FEATURES - 1)], enable_categorical=True)


def names(random: np.random.Generator, x: np.ndarray) -> xgboost.DMatrix:
    return plain(random, x, feature_names=["größe", 'a "quoted" name', "back\\slash"])


def counts(random: np.random.Generator, x: np.ndarray) -> xgboost.DMatrix:
    return xgboost.DMatrix(x, label=random.poisson(np.exp(x[:, 0])))


def real(random: np.random.Generator, x: np.ndarray) -> xgboost.DMatrix:
    return xgboost.DMatrix(x, label=1000 * x[:, 0] + random.normal(0, 1, len(x)))


# What the nodes' data are like, and how they learn from them. The base score is estimated, a different one for each node.
KINDS: dict[str, tuple[Make, dict[str, Any]]] = {
    "classes": (plain, {"objective": "binary:logistic"}),
    "classes, base score given": (plain, {"objective": "binary:logistic", "base_score": 0.5}),
    "missing values": (missing, {"objective": "binary:logistic"}),
    "categories": (categories, {"objective": "binary:logistic", "max_cat_to_onehot": 1}),
    "feature names": (names, {"objective": "binary:logistic"}),
    "counts": (counts, {"objective": "count:poisson"}),
    "real numbers": (real, {"objective": "reg:squarederror"}),
    "quantiles": (real, {"objective": "reg:absoluteerror"}),
    "forests": (plain, {"objective": "binary:logistic", "num_parallel_tree": 4, "subsample": 0.5}),
    "deep trees": (real, {"objective": "reg:squarederror", "max_depth": 12, "min_child_weight": 0}),
}


def replay(program: str, replies: make_strategies.ReplySet) -> bytes:
    """What our strategy makes of one round."""
    case = {"strategy": "FedXgbBagging", "parameters": {}, "replies": replies.name, "rounds": []}
    with tempfile.TemporaryDirectory() as folder:
        cases, outcomes = Path(folder) / "cases.json", Path(folder) / "outcomes.json"
        cases.write_text(make_strategies.to_json([replies], [case]))
        subprocess.run([program, cases, outcomes], check=True)
        ((outcome,),) = json.loads(outcomes.read_text())
    return make_strategies.decode(outcome["arrays"]["0"]).tobytes()


def play(program: str, name: str) -> None:
    """Rounds of one kind, compared with Flower's on the way."""
    make, settings = KINDS[name]
    random = np.random.default_rng(7)
    train_on = [make(random, random.normal(size=(300, FEATURES))) for _ in range(NODES)]
    test_on = make(random, random.normal(size=(500, FEATURES)))
    grown = b""
    for number in range(1, ROUNDS + 1):
        models = []
        for node_data in train_on:
            start = load(grown) if grown else None
            booster = xgboost.train({"max_depth": 4, "nthread": 1, **settings}, node_data, 1, xgb_model=start)
            models.append(bytes(booster[booster.num_boosted_rounds() - 1 :].save_raw("json")))
        stock = aggregate(grown, models)
        answers = [
            make_strategies.Reply(100 + node, {"0": np.frombuffer(model, np.uint8)}, {"num-examples": 1})
            for node, model in enumerate(models)
        ]
        ours = replay(program, make_strategies.ReplySet(name, {"0": np.frombuffer(grown, np.uint8)}, [answers]))
        assert json.loads(ours) == json.loads(stock), f"{name}, round {number}"
        mine, theirs = load(ours), load(stock)
        assert mine.num_boosted_rounds() == NODES * number
        predicted = mine.predict(test_on)
        # Flower writes other letters than ASCII's as escapes, which XGBoost does not resolve: its features have other names.
        np.testing.assert_array_equal(predicted, theirs.predict(test_on, validate_features=False))
        grown = bytes(mine.save_raw("json")) if number % 2 else ours  # as XGBoost writes it anew, too
        spread = f"predictions from {predicted.min():.4g} to {predicted.max():.4g}"
        print(f"{name}, round {number}: {len(ours)} bytes, {mine.num_boosted_rounds()} rounds of boosting, {spread}, equal")


# ---- Golden values ---------------------------------------------------------------------------------


def main() -> None:
    logging.getLogger("flwr").setLevel(logging.ERROR)
    if len(sys.argv) > 1:
        for name in KINDS:
            play(sys.argv[1], name)
        return
    first = [train(1, b"") for _ in range(2)]
    cases = [case("first round", b"", first)]
    grown = cases[0]["aggregate"].encode()
    cases.append(case("two rounds", grown, [train(1, grown) for _ in range(2)]))
    start = train(2, b"")
    cases.append(case("parallel trees", start, [train(2, start), train(2, start)]))
    versions = {"flwr": flwr.__version__, "xgboost": xgboost.__version__}
    print(json.dumps({**versions, "cases": cases}, indent=1))


main()
