# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""A stock server of the classic kind (start_server): FedAvg that writes down every round, and does what it is told."""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from flwr.common import GetPropertiesIns, ReconnectIns, parameters_to_ndarrays
from flwr.server import ServerConfig, start_server
from flwr.server.strategy import FedAvg


def describe_failure(failure) -> dict:
    """What a client said of itself, or what happened to it."""
    if isinstance(failure, BaseException):
        return {"code": -1, "message": repr(failure)}
    _, result = failure
    return {"code": result.status.code.value, "message": result.status.message}


class Recording(FedAvg):
    """Stock FedAvg with a notebook."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        count = arguments.clients
        options = {f"min_{phase}_clients": count for phase in ("available", "fit", "evaluate")}
        super().__init__(**options, on_fit_config_fn=self.config, on_evaluate_config_fn=self.config)
        self.arguments = arguments

    def config(self, server_round: int) -> dict:
        fault = json.loads(self.arguments.fault)
        return {"server-round": server_round, "lr": 0.5, "blob": b"\x00\xff", "deep": True, **fault}

    def configure_fit(self, server_round, parameters, client_manager):
        if server_round == 1:
            client_manager.wait_for(self.arguments.clients)
            asked = [
                client.get_properties(GetPropertiesIns({"question": "who"}), timeout=None, group_id=None)
                for client in client_manager.all().values()
            ]
            self.note("properties", [answer.properties for answer in asked])
        if server_round == self.arguments.reconnect_before:
            self.send_away(client_manager)
        self.save(f"global-{server_round}", parameters)
        return super().configure_fit(server_round, parameters, client_manager)

    def send_away(self, client_manager) -> None:
        """Tells all clients to come back in a second, and waits until they have gone."""
        clients = dict(client_manager.all())
        reasons = [client.reconnect(ReconnectIns(seconds=1), timeout=None, group_id=None).reason for client in clients.values()]
        self.note("reasons", reasons)
        while set(clients) & set(client_manager.all()):
            time.sleep(0.05)

    def aggregate_fit(self, server_round, results, failures):
        for _, result in results:
            self.save(f"sent-{server_round}-{result.num_examples}", result.parameters)
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        if parameters is not None:
            self.save(f"aggregate-{server_round}", parameters)
        self.note(f"fit-{server_round}", self.describe(results, failures))
        return parameters, metrics

    def aggregate_evaluate(self, server_round, results, failures):
        self.note(f"evaluate-{server_round}", self.describe(results, failures))
        return super().aggregate_evaluate(server_round, results, failures)

    @staticmethod
    def describe(results, failures) -> dict:
        replies = {
            result.num_examples: {"metrics": result.metrics, "loss": getattr(result, "loss", None)} for _, result in results
        }
        return {"replies": replies, "failures": [describe_failure(failure) for failure in failures]}

    def save(self, name: str, parameters) -> None:
        np.savez(self.arguments.record_to / f"{name}.npz", *parameters_to_ndarrays(parameters))

    def note(self, name: str, value) -> None:
        (self.arguments.record_to / f"{name}.json").write_text(json.dumps(value))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--record-to", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--tls", type=Path, nargs=3, metavar=("CA", "CERTIFICATE", "KEY"))
    parser.add_argument("--reconnect-before", type=int, help="the round before which all clients are sent away")
    parser.add_argument("--fault", default="{}", help="what else the config of instructions holds, as JSON")
    arguments = parser.parse_args()
    arguments.record_to.mkdir(parents=True, exist_ok=True)
    start_server(
        server_address=arguments.address,
        config=ServerConfig(num_rounds=arguments.rounds),
        strategy=Recording(arguments),
        certificates=tuple(file.read_bytes() for file in arguments.tls) if arguments.tls else None,
    )


if __name__ == "__main__":
    main()
