# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes privacy.json: what stock Flower's mods, differential-privacy wrappers and accountant make of given numbers.

Run by hand with Flower 1.42.0, NumPy 2.4.6 and dp-accounting 0.6.0 (`pip install 'flwr[dp]==1.42.0'`):

    python make_privacy.py > privacy.json

Noise is switched off throughout: what is compared is clipping, the path of the adaptive norm, and the accountant.
"""

import io
import json
import math
from importlib.metadata import version

import flwr
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import mod as message_mods
from flwr.clientapp.mod import comms_mods
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideAdaptiveClipping,
    DifferentialPrivacyServerSideAdaptiveClipping,
    DifferentialPrivacyServerSideFixedClipping,
    FedAvg,
)
from flwr.supercore.privacy_accounting import GaussianPrivacyEvent, NeighboringRelation, PrivacyConfig, SamplingMethod
from flwr.supercore.privacy_accounting.rdp_accountant import RdpAccountant
from flwr.supercore.task_identity import TaskIdentity

TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
RNG = np.random.default_rng(20261128)

Arrays = dict[str, np.ndarray]


def npy_hex(values: np.ndarray) -> str:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue().hex()


def hexed(arrays: Arrays) -> dict[str, str]:
    return {key: npy_hex(values) for key, values in arrays.items()}


def record(arrays: Arrays) -> ArrayRecord:
    return ArrayRecord({key: Array(values) for key, values in arrays.items()})


def numpy_of(arrays: ArrayRecord) -> Arrays:
    return {key: array.numpy() for key, array in arrays.items()}


def instruction(arrays: Arrays, clipping_norm: float) -> Message:
    content = RecordDict({"arrays": record(arrays), "config": ConfigRecord({"clipping_norm": clipping_norm})})
    return Message(content, dst_node_id=100, message_type="train")


def reply(arrays: Arrays, metrics: dict, to: Message) -> Message:
    return Message(RecordDict({"arrays": record(arrays), "metrics": MetricRecord(metrics)}), reply_to=to)


def normal(dtype: str, shape: tuple, scale: float) -> np.ndarray:
    return np.asarray(RNG.normal(0, scale, shape)).astype(dtype)


def update(arrays: Arrays, scale: float) -> Arrays:
    """The same arrays some steps further, laid out in memory as they are."""
    further = {}
    for key, values in arrays.items():
        moved = (values + normal("float64", values.shape, scale)).astype(values.dtype)
        further[key] = np.asfortranarray(moved) if values.flags.f_contiguous and values.ndim > 1 else moved
    return further


def clipping_case(name: str, arrays: Arrays, clipping_norm: float, scales: list[float]) -> dict:
    """Replies, each clipped by the nodes' mod, and all clipped and averaged by the server."""
    sent = instruction(arrays, clipping_norm)
    updates = [update(arrays, scale) for scale in scales]
    weights = [10 + 7 * number for number in range(len(scales))]
    replies = []
    for weight, values in zip(weights, updates):
        clipped = message_mods.adaptiveclipping_mod(
            sent, None, lambda message, context: reply(values, {"num-examples": weight}, message)
        )
        replies.append(
            {
                "weight": weight,
                "arrays": hexed(values),
                "clipped": hexed(numpy_of(clipped.content["arrays"])),
                "norm_bit": clipped.content["metrics"]["norm_bit"],
            }
        )
    strategy = DifferentialPrivacyServerSideFixedClipping(FedAvg(), 0.0, clipping_norm, len(scales))
    strategy.current_arrays = record(arrays)
    messages = [reply(values, {"num-examples": weight}, sent) for weight, values in zip(weights, updates)]
    aggregate, _ = strategy.aggregate_train(1, messages)
    return {
        "name": name,
        "clipping_norm": clipping_norm,
        "global": hexed(arrays),
        "replies": replies,
        "aggregate": hexed(numpy_of(aggregate)),
    }


def clipping_cases() -> list[dict]:
    model = {"matrix": normal("float32", (6, 5), 1), "vector": normal("float32", (300,), 1)}
    double = {"matrix": normal("float64", (6, 5), 1), "vector": normal("float64", (40,), 1)}
    fortran = {"matrix": np.asfortranarray(normal("float32", (4, 6, 3), 1)), "empty": np.zeros((0, 3), "float32")}
    return [
        clipping_case("all are clipped", model, 0.5, [0.1, 1.0, 20.0]),
        clipping_case("some are clipped", model, 5.0, [0.01, 0.1, 1.0, 10.0]),
        clipping_case("none is clipped", model, 1e6, [0.1, 1.0]),
        clipping_case("float64", double, 1.5, [0.01, 1.0]),
        clipping_case("fortran order and nothing", fortran, 2.0, [0.01, 3.0]),
    ]


def adaptive_server_case(rounds: int, options: dict) -> dict:
    """The server clips: norms and aggregates round by round, the aggregate being the next round's model."""
    strategy = DifferentialPrivacyServerSideAdaptiveClipping(FedAvg(), 0.0, 3, **options)
    arrays = {"w": normal("float32", (50,), 1)}
    case = {"options": options, "global": hexed(arrays), "rounds": []}
    for number in range(1, rounds + 1):
        # Lengths around the norm, so that it goes up and down.
        factors = RNG.choice([0.3, 0.9, 1.1, 4.0], 3)
        strategy.current_arrays = record(arrays)
        updates = []
        for factor in factors:
            step = normal("float64", (50,), 1)
            step *= factor * strategy.clipping_norm / np.linalg.norm(step)
            updates.append({"w": (arrays["w"] + step).astype("float32")})
        sent = instruction(arrays, strategy.clipping_norm)
        messages = [reply(values, {"num-examples": 10}, sent) for values in updates]
        aggregate, _ = strategy.aggregate_train(number, messages)
        arrays = numpy_of(aggregate)
        case["rounds"].append(
            {"updates": [hexed(values) for values in updates], "clipping_norm": strategy.clipping_norm, "aggregate": hexed(arrays)}
        )
    return case


def adaptive_client_case(options: dict, norm_bits: list[list[int]]) -> dict:
    """The nodes clip: norms round by round after what they say of it."""
    strategy = DifferentialPrivacyClientSideAdaptiveClipping(FedAvg(), 0.0, len(norm_bits[0]), **options)
    arrays = {"w": np.zeros(2, "float32")}
    norms = []
    for number, bits in enumerate(norm_bits, 1):
        sent = instruction(arrays, strategy.clipping_norm)
        strategy.aggregate_train(number, [reply(arrays, {"num-examples": 1, "norm_bit": bit}, sent) for bit in bits])
        norms.append(strategy.clipping_norm)
    return {"options": options, "norm_bits": norm_bits, "clipping_norms": norms}


def noise_multiplier_cases() -> list[dict]:
    cases = []
    for multiplier, clients, stddev in [(0.5, 100, None), (1.0, 40, None), (1.0, 3, 0.75), (0.1, 2, 1.0), (0.0, 5, None)]:
        strategy = DifferentialPrivacyServerSideAdaptiveClipping(FedAvg(), multiplier, clients, clipped_count_stddev=stddev)
        cases.append(
            {
                "noise_multiplier": multiplier,
                "num_sampled_clients": clients,
                "clipped_count_stddev": stddev,
                "arrays_noise_multiplier": strategy.noise_multiplier,
                "count_stddev": strategy.clipped_count_stddev,
            }
        )
    return cases


def or_none(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def accountant_case(releases: list[tuple[float, int]], orders: tuple[float, ...] | None = None) -> dict:
    accountant = RdpAccountant(
        PrivacyConfig(1e-5, 1000, NeighboringRelation.ADD_OR_REMOVE_ONE, SamplingMethod.NO_AMPLIFICATION), orders
    )
    for multiplier, count in releases:
        accountant.compose(GaussianPrivacyEvent(multiplier, 10, 1000), count)
    spent = accountant.get_privacy_spent()
    return {
        "releases": releases,
        "orders": orders,
        "spent": {"epsilon": or_none(spent.epsilon), "num_releases": spent.num_releases, "optimal_order": spent.optimal_order},
        "epsilons": {str(delta): or_none(accountant.get_epsilon(delta)) for delta in (1e-12, 1e-8, 1e-6, 1e-5, 1e-3, 0.1, 0.7)},
        "deltas": {str(epsilon): accountant.get_delta(epsilon) for epsilon in (0.0, 0.01, 0.5, 1.0, 4.0, 10.0, 80.0)},
    }


def accountant_cases() -> list[dict]:
    cases = [accountant_case([])]
    for multiplier in (0.1, 0.5, 0.8, 1.0, 1.3, 2.0, 5.0, 30.0, 1000.0):
        cases += [accountant_case([(multiplier, rounds)]) for rounds in (1, 3, 10, 100, 5000)]
    cases.append(accountant_case([(1.0, 3), (2.5, 10), (1.0, 1), (0.7, 2)]))
    cases.append(accountant_case([(1.0, 10)], (1.005, 1.5, 3.0, 20.0)))
    cases.append(accountant_case([(50.0, 1)], (1.005,)))
    return cases


def sizes() -> dict:
    """What the mods of sizes count."""
    content = RecordDict(
        {
            "arrays": record({"matrix": np.zeros((2, 3), "float32"), "scalar": np.zeros((), "float64")}),
            "metrics": MetricRecord({"loss": 0.5, "list": [1, 2, 3]}),
            "config": ConfigRecord(
                {
                    "flag": True,
                    "flags": [True, False],
                    "number": 7,
                    "rates": [1.0, 2.0],
                    "text": "word",
                    "texts": ["a", "bcd"],
                    "bytes": b"xyz",
                }
            ),
        }
    )
    statistics = comms_mods._get_array_record_size_stats(Message(content, dst_node_id=1, message_type="train"))["arrays"]
    return {
        "message_bytes": sum(each.count_bytes() for each in content.values()),
        "arrays_elements": statistics["elements"],
        "arrays_bytes": statistics["bytes"],
    }


def main() -> None:
    golden = {
        "flwr": flwr.__version__,
        "numpy": np.__version__,
        "dp-accounting": version("dp-accounting"),
        "clipping": clipping_cases(),
        "adaptive_server": [
            adaptive_server_case(6, {}),
            adaptive_server_case(
                6, {"initial_clipping_norm": 2.0, "target_clipped_quantile": 0.2, "clip_norm_lr": 0.7}
            ),
        ],
        "adaptive_client": [
            adaptive_client_case({}, [[1, 1, 1], [0, 0, 1], [0, 0, 0], [1, 0, 1]]),
            adaptive_client_case(
                {"initial_clipping_norm": 3.0, "target_clipped_quantile": 0.9, "clip_norm_lr": 1.5},
                [[0, 0], [0, 1], [1, 1]],
            ),
        ],
        "noise_multipliers": noise_multiplier_cases(),
        "accountant": accountant_cases(),
        "sizes": sizes(),
    }
    print(json.dumps(golden, indent=1))


main()
