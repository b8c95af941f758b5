# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock ClientApp (message API): real training with PyTorch, or drift.py's arithmetic with NumPy alone."""

from cnnapp import drift
from cnnapp.names import Array, ArrayRecord, ClientApp, Context, Message, MetricRecord, RecordDict

app = ClientApp()


def _reply(message: Message, **records) -> Message:
    return Message(content=RecordDict(records), reply_to=message)


def _torch_net_and_data(message: Message, context: Context):
    from cnnapp import task  # PyTorch takes seconds to import

    net = task.Net()
    net.load_state_dict(message.content["arrays"].to_torch_state_dict())
    partition = int(context.node_config["partition-id"])
    return task, net, task.load_partition(partition, int(context.run_config["samples"]))


def _numpy_arrays(message: Message) -> dict:
    arrays = {name: array.numpy() for name, array in message.content["arrays"].items()}
    if "fc3.bias" not in arrays:
        raise KeyError("fc3.bias")
    return arrays


@app.train()
def train(message: Message, context: Context) -> Message:
    config = message.content["config"]
    partition = int(context.node_config["partition-id"])
    drift.obey(config, partition)
    if context.run_config["trainer"] == "torch":
        task, net, (x, y, _, _) = _torch_net_and_data(message, context)
        loss = task.train(net, x, y, config["local-epochs"], config["lr"])
        arrays, examples = ArrayRecord(net.state_dict()), len(x)
    else:
        received = _numpy_arrays(message)
        trained = drift.train(received, partition, int(config["server-round"]))
        arrays = ArrayRecord({name: Array(array) for name, array in trained.items()})
        loss, examples = drift.loss(received), drift.num_examples(partition)
    return _reply(message, arrays=arrays, metrics=MetricRecord({"train_loss": loss, "num-examples": examples}))


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    if context.run_config["trainer"] == "torch":
        task, net, (_, _, x, y) = _torch_net_and_data(message, context)
        loss, accuracy = task.test(net, x, y)
        examples = len(x)
    else:
        loss, accuracy = drift.loss(_numpy_arrays(message)), 0.5
        examples = drift.num_examples(int(context.node_config["partition-id"]))
    return _reply(message, metrics=MetricRecord({"eval_loss": loss, "eval_acc": accuracy, "num-examples": examples}))
