# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""A stock client of the classic kind (start_client) that drifts as the other nodes of the tests do."""

import argparse
import sys
from pathlib import Path

import numpy as np
from flwr.client import NumPyClient, start_client

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "stock_app"))

from cnnapp import drift  # noqa: E402


class DriftClient(NumPyClient):
    def __init__(self, partition: int, throw_in_round: int) -> None:
        self.partition, self.throw_in_round = partition, throw_in_round

    def get_parameters(self, config):
        return [np.full((2, 3), 0.5, np.float32), np.linspace(0, 1, 4, dtype=np.float32)]

    def fit(self, parameters, config):
        number = int(config["server-round"])
        if number == self.throw_in_round:
            raise ValueError(f"interop fault on partition {self.partition}")
        drift.obey(config, self.partition)
        arrays = dict(enumerate(parameters))
        trained = drift.train(arrays, self.partition, number)
        return list(trained.values()), drift.num_examples(self.partition), {"train_loss": drift.loss(arrays), "note": "text"}

    def evaluate(self, parameters, config):
        return drift.loss(dict(enumerate(parameters))), drift.num_examples(self.partition), {"eval_acc": 0.5}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--partition", type=int, required=True)
    parser.add_argument("--root-certificates", type=Path)
    parser.add_argument("--throw-in-round", type=int, default=0)
    arguments = parser.parse_args()
    start_client(
        server_address=arguments.address,
        client=DriftClient(arguments.partition, arguments.throw_in_round).to_client(),
        insecure=arguments.root_certificates is None,
        root_certificates=arguments.root_certificates.read_bytes() if arguments.root_certificates else None,
    )


if __name__ == "__main__":
    main()
