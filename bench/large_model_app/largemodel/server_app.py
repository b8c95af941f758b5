# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock FedAvg of arrays of 16 MiB each; writes down how long each round took."""

import itertools
import json
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

ARRAY_BYTES = 16 << 20

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    nodes = int(config["nodes"])
    strategy = FedAvg(fraction_evaluate=0.0, min_available_nodes=nodes, min_train_nodes=nodes)
    model = ArrayRecord({
        # No two chunks are alike: equal ones would be one object on the wire.
        f"layer{i}": Array(np.arange(ARRAY_BYTES // 4, dtype=np.float32) + np.float32(1 + i))
        for i in range((int(config["megabytes"]) << 20) // ARRAY_BYTES)
    })
    times = []  # before the first round and after each

    def note_time(server_round: int, arrays: ArrayRecord) -> None:
        times.append(time.monotonic())

    result = strategy.start(grid=grid, initial_arrays=model, num_rounds=int(config["rounds"]), evaluate_fn=note_time)
    seconds = [end - begin for begin, end in itertools.pairwise(times)]
    rounds = len(result.train_metrics_clientapp)
    Path(str(config["record-to"])).write_text(json.dumps({"seconds": seconds, "rounds": rounds}))
