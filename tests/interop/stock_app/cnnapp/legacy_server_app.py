# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock ServerApp of the legacy kind (server_fn): FedAvg that writes down every round.

It has no initial parameters, so that it asks a node for them.
"""

from flwr.common import parameters_to_ndarrays
from flwr.server import ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg

from cnnapp.names import Context, ServerApp
from cnnapp.recording import Recorder


def _to_numpy(parameters) -> dict:
    return {str(i): array for i, array in enumerate(parameters_to_ndarrays(parameters))}


def _describe(results, failures) -> list[dict]:
    """Replies as recording.py writes them, without their arrays."""
    replies = []
    for proxy, result in results:
        metrics = dict(result.metrics)
        if hasattr(result, "loss"):
            metrics["eval_loss"] = result.loss
        replies.append({"node_id": proxy.node_id, "num_examples": result.num_examples, "metrics": metrics})
    for failure in failures:
        replies.append({"node_id": 0, "error": {"code": -1, "reason": str(failure)}})
    return replies


class RecordingFedAvg(FedAvg):
    """Stock legacy FedAvg, with a recorder looking over its shoulder."""

    def __init__(self, recorder: Recorder, **options) -> None:
        super().__init__(**options)
        self.recorder = recorder

    def configure_fit(self, server_round, parameters, client_manager):
        self.recorder.save_global(server_round, _to_numpy(parameters))
        return super().configure_fit(server_round, parameters, client_manager)

    def aggregate_fit(self, server_round, results, failures):
        for proxy, result in results:
            self.recorder.save_arrays(server_round, proxy.node_id, _to_numpy(result.parameters))
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        self.recorder.save_aggregate(server_round, None if parameters is None else _to_numpy(parameters))
        self.recorder.save_replies(server_round, "train", _describe(results, failures), metrics)
        return parameters, metrics

    def aggregate_evaluate(self, server_round, results, failures):
        loss, metrics = super().aggregate_evaluate(server_round, results, failures)
        aggregate = {"eval_loss": loss, **metrics}
        self.recorder.save_replies(server_round, "evaluate", _describe(results, failures), aggregate)
        return loss, metrics


def _with_clipping(strategy: FedAvg, kind: str, norm: float, nodes: int):
    """As in server_app.py."""
    from flwr.server import strategy as strategies

    if kind == "fixed":
        return strategies.DifferentialPrivacyClientSideFixedClipping(strategy, 0.0, norm, nodes)
    return strategies.DifferentialPrivacyClientSideAdaptiveClipping(strategy, 0.0, nodes, initial_clipping_norm=norm)


def instruction_fn(config):
    def instruction(server_round: int) -> dict:
        return {"server-round": server_round, "lr": config["lr"], "local-epochs": config["local-epochs"]}

    return instruction


def server_fn(context: Context) -> ServerAppComponents:
    config = context.run_config
    nodes, rounds = int(config["min-nodes"]), int(config["num-server-rounds"])
    strategy = RecordingFedAvg(
        Recorder(str(config["record-to"])),
        min_available_clients=nodes,
        min_fit_clients=nodes,
        min_evaluate_clients=nodes,
        on_fit_config_fn=instruction_fn(config),
        on_evaluate_config_fn=instruction_fn(config),
    )
    if config["clipping"]:
        strategy = _with_clipping(strategy, config["clipping"], float(config["clipping-norm"]), nodes)
    return ServerAppComponents(strategy=strategy, config=ServerConfig(num_rounds=rounds))


app = ServerApp(server_fn=server_fn)
