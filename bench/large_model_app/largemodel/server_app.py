# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock FedAvg of arrays of 16 MiB each; writes down how long the rounds took."""

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
        # No two arrays are alike: equal ones would be one object on the wire.
        f"layer{i}": Array(np.full(ARRAY_BYTES // 4, 1 + i, dtype=np.float32))
        for i in range((int(config["megabytes"]) << 20) // ARRAY_BYTES)
    })
    begin = time.monotonic()
    result = strategy.start(grid=grid, initial_arrays=model, num_rounds=int(config["rounds"]))
    seconds = time.monotonic() - begin
    rounds = len(result.train_metrics_clientapp)
    Path(str(config["record-to"])).write_text(json.dumps({"seconds": seconds, "rounds": rounds}))
