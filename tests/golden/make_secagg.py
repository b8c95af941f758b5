# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes secagg.json: what stock Flower's secure aggregation computes, piece by piece, and whole rounds of it.

Run by hand with Flower 1.42.0 and NumPy 2.4.6 (`pip install flwr==1.42.0`):

    python make_secagg.py > secagg.json

Keys are made for the file and serve nothing else. In the rounds all values lie on the grid of the quantization, so that
rounding has no choice and what nodes send is a function of their keys.
"""

import copy
import io
import json
import logging
import os
from types import SimpleNamespace

import flwr
import numpy as np
from cryptography.fernet import Fernet
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.common import Code, FitIns, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.common.secure_aggregation.crypto.shamir import create_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import generate_shared_key
from flwr.common.secure_aggregation.quantization import dequantize, quantize
from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen, share_keys_plaintext_concat
from flwr.compat.common import recorddict_compat as compat
from flwr.server import ServerConfig
from flwr.server.compat.legacy_context import LegacyContext
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD
from flwr.supercore.primitives.asymmetric import generate_key_pairs, private_key_to_bytes, public_key_to_bytes
from flwr.supercore.task_identity import TaskIdentity

logging.getLogger("flwr").setLevel(logging.ERROR)
TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
CONFIGS, STATE = "secaggplus_configs", "secaggplus_state"


def npy_hex(values: np.ndarray) -> str:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue().hex()


def shared_keys() -> list[dict]:
    cases = []
    for _ in range(3):
        (sk, _), (_, pk) = generate_key_pairs(), generate_key_pairs()
        cases.append(
            {
                "private_key": private_key_to_bytes(sk).decode(),
                "public_key": public_key_to_bytes(pk).decode(),
                "shared_key": generate_shared_key(sk, pk).decode(),
            }
        )
    return cases


def fernet() -> list[dict]:
    cases = []
    for size in (1, 15, 16, 17, 400):
        key, text, iv, time = Fernet.generate_key(), os.urandom(size), os.urandom(16), 1_750_000_000 + size
        token = Fernet(key)._encrypt_from_parts(text, time, iv)
        cases.append({"key": key.decode(), "text": text.hex(), "iv": iv.hex(), "time": time, "token": token.decode()})
    return cases


def shamir() -> list[dict]:
    cases = []
    for size, threshold, count in ((32, 2, 3), (306, 3, 5), (16, 7, 7), (1, 2, 2), (32, 5, 300)):
        secret = os.urandom(size)
        shares = create_shares(secret, threshold, count)
        kept = shares if count < 10 else shares[250:258]
        cases.append({"secret": secret.hex(), "threshold": threshold, "shares": [share.hex() for share in kept]})
    return cases


def masks() -> list[dict]:
    cases = []
    shapes = [(1,), (3, 4), (), (0, 2), (7,)]
    for seed in (os.urandom(32), Fernet.generate_key(), bytes(4), b"\xff" * 4):
        for bits in (2, 13, 31, 32, 33, 45, 62):
            arrays = pseudo_rand_gen(seed, 1 << bits, shapes)
            cases.append(
                {"seed": seed.hex(), "mod_range": 1 << bits, "arrays": [[int(v) for v in array.ravel()] for array in arrays]}
            )
    return cases


def quantization() -> list[dict]:
    cases = []
    rng = np.random.default_rng(7)
    for dtype in ("float32", "float64"):
        for clip, target, factor in ((8.0, 1 << 22, 0.05), (3.0, 65535, 0.731), (0.1, 1000, 1.0), (8.0, 1 << 30, 0.5)):
            values = rng.normal(0, clip, 200).astype(dtype)
            values[:4] = [clip * 3, -clip * 3, clip, 0]
            np.random.seed(20240607)
            (quantized,) = quantize([values * factor], clip, target)
            (back,) = dequantize([quantized], clip, target)
            cases.append(
                {
                    "values": npy_hex(values),
                    "factor": factor,
                    "clipping_range": clip,
                    "target_range": target,
                    "seed": 20240607,
                    "quantized": [int(v) for v in quantized],
                    "dequantized": [float(v) for v in back],
                }
            )
    return cases


def key_shares() -> dict:
    b, sk = create_shares(os.urandom(32), 2, 3)[1], create_shares(os.urandom(306), 2, 3)[1]
    src, dst = 2**63 + 12345, 77
    return {"src": str(src), "dst": str(dst), "rd_seed_share": b.hex(), "sk1_share": sk.hex(),
            "plaintext": share_keys_plaintext_concat(src, dst, b, sk).hex()}  # fmt: skip


def plain(value):
    """A ConfigRecord's value for JSON; numbers as text, for node ids have 64 bits."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, (str, float, bool)) else str(value)


class Federation:
    """Stock nodes and a stock workflow in one process."""

    def __init__(self, node_ids, arrays, examples, drop_outs):
        self.arrays, self.examples, self.drop_outs = arrays, examples, drop_outs
        self.contexts = {nid: Context(1, nid, {}, RecordDict(), {}) for nid in node_ids}
        self.messages, self.states = [], {}

    def send_and_receive(self, messages, timeout=None):
        return [self.answer(message) for message in messages]

    def answer(self, message):
        nid = message.metadata.dst_node_id
        # The mod takes the stage out of what it gets, which here all nodes would share.
        content = copy.deepcopy(message.content)
        message = Message(content, dst_node_id=nid, message_type="train", group_id="1")
        message.metadata._message_id = f"m{len(self.messages)}"  # pylint: disable=protected-access
        configs = message.content.config_records[CONFIGS]
        stage = configs["stage"]
        given = {key: plain(value) for key, value in configs.items()}
        if self.drop_outs.get(nid) == stage:
            reply = Message(flwr.app.Error(code=2, reason="dropped out"), reply_to=message)
            self.messages.append({"node": str(nid), "stage": stage, "in": given, "error": "dropped out"})
        else:
            reply = secaggplus_mod(message, self.contexts[nid], self.fit)
            out = {key: plain(value) for key, value in reply.content.config_records[CONFIGS].items()}
            state = self.contexts[nid].state.config_records[STATE]
            self.messages.append({"node": str(nid), "stage": stage, "in": given, "out": out})
            self.states[str(nid)] = {key: plain(value) for key, value in state.items()}
        reply.metadata._src_node_id = nid  # pylint: disable=protected-access
        return reply

    def fit(self, message, context):
        nid = context.node_id
        result = FitRes(Status(Code.OK, "Success"), ndarrays_to_parameters(self.arrays[nid]), self.examples[nid], {"loss": 0.5})
        return Message(compat.fitres_to_recorddict(result, False), reply_to=message)


def protocol_round(name, node_ids, threshold, drop_outs) -> dict:
    rng = np.random.default_rng(len(node_ids))
    # Multiples of 2^-10 below 1, and 2^-2 to 1 of the largest weight: exact at 16 / 2^22 a step.
    arrays = {
        nid: [(rng.integers(-1024, 1024, shape) / 1024).astype("float32") for shape in ((2, 3), (4,))] for nid in node_ids
    }
    examples = {nid: 256 << (i % 3) for i, nid in enumerate(node_ids)}
    federation = Federation(node_ids, arrays, examples, drop_outs)
    outcome = {}

    class Strategy:
        def configure_fit(self, server_round, parameters, client_manager):
            return [(SimpleNamespace(node_id=nid), FitIns(parameters, {"server-round": 1})) for nid in node_ids]

        def aggregate_fit(self, server_round, results, failures):
            outcome["mean"] = [npy_hex(a) for a in parameters_to_ndarrays(results[0][1].parameters)]
            outcome["results"] = len(results)
            return None, {}

    context = LegacyContext(
        context=Context(1, 1, {}, RecordDict(), {}), config=ServerConfig(num_rounds=1), strategy=Strategy(),
        client_manager=SimpleNamespace(num_available=lambda: len(node_ids)),
    )  # fmt: skip
    context.state.array_records[MAIN_PARAMS_RECORD] = compat.parameters_to_arrayrecord(
        ndarrays_to_parameters([np.zeros_like(a) for a in arrays[node_ids[0]]]), True
    )
    context.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({"current_round": 1})
    workflow = SecAggPlusWorkflow(num_shares=1.0, reconstruction_threshold=threshold, max_weight=1024.0)
    workflow(federation, context)
    return {
        "name": name,
        "nodes": [
            {"id": str(nid), "arrays": [npy_hex(a) for a in arrays[nid]], "examples": examples[nid],
             "state": federation.states.get(str(nid))} for nid in node_ids
        ],  # fmt: skip
        "threshold": threshold,
        "messages": federation.messages,
        **outcome,
    }


def main() -> None:
    five = [3, 2**63 + 5, 11, 2**64 - 2, 700]
    result = {
        "flwr": flwr.__version__,
        "numpy": np.__version__,
        "shared_keys": shared_keys(),
        "fernet": fernet(),
        "shamir": shamir(),
        "masks": masks(),
        "quantization": quantization(),
        "key_shares": key_shares(),
        "rounds": [
            protocol_round("all stay", five[:3], 2, {}),
            protocol_round("two drop out", five, 3, {five[1]: "collect_masked_vectors", five[4]: "unmask"}),
        ],
    }
    print(json.dumps(result))


main()
