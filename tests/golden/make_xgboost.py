# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes xgboost.json: what stock Flower's FedXgbBagging makes of models of XGBoost.

Run by hand with Flower 1.42.0, NumPy 2.4.6 and XGBoost 3.2.0
(`pip install flwr==1.42.0 xgboost-cpu==3.2.0 scipy`):

    python make_xgboost.py > xgboost.json

Each case lists the global model, the replies' models in the order in which Flower gets them, and
the aggregate, all as JSON text. XGBoost loads every aggregate here, and its margins are those of
the global model plus what each reply's new trees add. With a file as argument, that is checked of
a model in it, e.g. one that another implementation made of the case "two rounds".
"""

import json
import sys

import flwr
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


def main() -> None:
    first = [train(1, b"") for _ in range(2)]
    cases = [case("first round", b"", first)]
    grown = cases[0]["aggregate"].encode()
    cases.append(case("two rounds", grown, [train(1, grown) for _ in range(2)]))
    start = train(2, b"")
    cases.append(case("parallel trees", start, [train(2, start), train(2, start)]))
    if len(sys.argv) > 1:
        with open(sys.argv[1], "rb") as file:
            replies = [reply.encode() for reply in cases[1]["replies"]]
            check(file.read(), grown, replies)
        return
    versions = {"flwr": flwr.__version__, "xgboost": xgboost.__version__}
    print(json.dumps({**versions, "cases": cases}, indent=1))


main()
