# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes fedavg.json: what stock Flower's FedAvg makes of replies of every dtype and layout.

Run by hand with Flower 1.42.0 and NumPy 2.4.6 (`pip install flwr==1.42.0`):

    python make_fedavg.py > fedavg.json

Each case lists replies (weight, arrays as .npy files in hex, metrics) and the aggregate.
"""

import io
import json

import flwr
import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAvg
from flwr.supercore.task_identity import TaskIdentity

TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
RNG = np.random.default_rng(20240607)


def npy_hex(values: np.ndarray) -> str:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue().hex()


def normal(dtype: str, shape: tuple, scale: float = 1.0) -> np.ndarray:
    return np.asarray(RNG.normal(0, scale, shape)).astype(dtype)


def integers(dtype: str, shape: tuple) -> np.ndarray:
    info = np.iinfo(dtype)
    low, high = max(info.min, -(2**40)), min(info.max, 2**40)
    return np.asarray(RNG.integers(low, high, shape, dtype="int64")).astype(dtype)


def aggregate(name: str, replies: list[tuple[float, dict, dict]]) -> dict:
    messages = []
    for number, (weight, arrays, metrics) in enumerate(replies):
        content = RecordDict(
            {
                "arrays": ArrayRecord({key: Array(value) for key, value in arrays.items()}),
                "metrics": MetricRecord({"num-examples": weight, **metrics}),
            }
        )
        instruction = Message(RecordDict(), dst_node_id=100 + number, message_type="train")
        messages.append(Message(content, reply_to=instruction))
    result, metrics = FedAvg().aggregate_train(1, messages)
    return {
        "name": name,
        "replies": [
            {
                "weight": weight,
                "arrays": {key: npy_hex(value) for key, value in arrays.items()},
                "metrics": values,
            }
            for weight, arrays, values in replies
        ],
        "arrays": {key: npy_hex(value.numpy()) for key, value in result.items()},
        "metrics": dict(metrics),
    }


def fortran(values: np.ndarray) -> np.ndarray:
    return np.asfortranarray(values)


def main() -> None:
    cases = []
    for dtype in ("float16", "float32", "float64", "complex64", "complex128", ">f4", ">f8", ">f2"):
        replies = [
            (weight, {"matrix": normal(dtype, (5, 7)), "vector": normal(dtype, (33,))}, {})
            for weight in (120, 30, 7)
        ]
        cases.append(aggregate(f"dtype {dtype}", replies))
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", ">i4"):
        replies = [(weight, {"counts": integers(dtype, (3, 4))}, {}) for weight in (5, 11, 1)]
        cases.append(aggregate(f"dtype {dtype}", replies))
    cases.append(
        aggregate(
            "dtype bool",
            [(w, {"mask": RNG.integers(0, 2, (9,)).astype(bool)}, {}) for w in (1, 2, 4)],
        )
    )
    cases.append(
        aggregate(
            "fortran order",
            [(w, {"matrix": fortran(normal("float32", (4, 6, 3)))}, {}) for w in (10, 20)],
        )
    )
    cases.append(
        aggregate(
            "mixed order",
            [
                (10, {"matrix": fortran(normal("float32", (4, 6, 3)))}, {}),
                (20, {"matrix": normal("float32", (4, 6, 3))}, {}),
                (30, {"matrix": fortran(normal("float32", (4, 6, 3)))}, {}),
            ],
        )
    )
    cases.append(
        aggregate(
            "scalars and empty arrays",
            [
                (
                    w,
                    {
                        "scalar": normal("float32", ()),
                        "tracked": np.asarray(w, dtype="int64"),
                        "empty": np.zeros((0, 3), dtype="float32"),
                    },
                    {},
                )
                for w in (8, 16)
            ],
        )
    )
    cases.append(
        aggregate(
            "float weights and metrics",
            [
                (0.25, {"w": normal("float32", (8,))}, {"loss": 0.5, "hits": 3, "list": [1.0, 2.5]}),
                (1.5, {"w": normal("float32", (8,))}, {"loss": 0.125, "hits": 8, "list": [0.0, -1.0]}),
            ],
        )
    )
    cases.append(
        aggregate(
            "many replies",
            [
                (int(w), {"w": normal("float32", (300,), 0.02)}, {"loss": float(w) / 7})
                for w in RNG.integers(1, 5000, 50)
            ],
        )
    )
    print(json.dumps({"flwr": flwr.__version__, "numpy": np.__version__, "cases": cases}, indent=1))


main()
