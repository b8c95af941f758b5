# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Does to each array what interop_node does: half of it plus a number that tells partition and round."""

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    partition = int(context.node_config["partition-id"])
    step = np.float32(0.001 * (partition + 1) * int(message.content["config"]["server-round"]))
    received = {name: array.numpy() for name, array in message.content["arrays"].items()}
    loss = float(np.mean([np.abs(array).mean() for array in received.values()]))
    trained = ArrayRecord({name: Array(array * np.float32(0.5) + step) for name, array in received.items()})
    metrics = MetricRecord({"train_loss": loss, "num-examples": 10 * (partition + 1)})
    return Message(content=RecordDict({"arrays": trained, "metrics": metrics}), reply_to=message)
