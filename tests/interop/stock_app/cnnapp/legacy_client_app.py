# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock ClientApp of the legacy kind (client_fn), with drift.py's arithmetic."""

from flwr.client import NumPyClient

from cnnapp import drift
from cnnapp.initial import initial_arrays
from cnnapp.names import ClientApp, Context


class DriftClient(NumPyClient):
    """Sends its own initial model, then half of what it gets plus a step."""

    def __init__(self, partition: int) -> None:
        self.partition = partition

    def get_parameters(self, config):
        return list(initial_arrays(seed=self.partition).values())

    def fit(self, parameters, config):
        drift.obey(config, self.partition)
        named = {str(i): array for i, array in enumerate(parameters)}
        trained = drift.train(named, self.partition, int(config["server-round"]))
        return list(trained.values()), drift.num_examples(self.partition), {"train_loss": drift.loss(named)}

    def evaluate(self, parameters, config):
        loss = drift.loss({str(i): array for i, array in enumerate(parameters)})
        return loss, drift.num_examples(self.partition), {"eval_acc": 0.5}


def client_fn(context: Context):
    return DriftClient(int(context.node_config["partition-id"])).to_client()


app = ClientApp(client_fn=client_fn)
