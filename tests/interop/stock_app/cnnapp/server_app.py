# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock ServerApp (message API): FedAvg that writes down every round. Needs NumPy only."""

from collections.abc import Iterable

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from cnnapp.initial import initial_arrays
from cnnapp.recording import Recorder

app = ServerApp()


def _to_numpy(arrays: ArrayRecord) -> dict:
    return {name: array.numpy() for name, array in arrays.items()}


def _describe(reply: Message) -> dict:
    """A reply as recording.py writes it, without its arrays."""
    described: dict = {"node_id": reply.metadata.src_node_id, "records": []}
    if reply.has_error():
        return described | {"error": {"code": reply.error.code, "reason": reply.error.reason}}
    metrics = dict(next(iter(reply.content.metric_records.values())))
    examples = metrics.pop("num-examples", None)
    return described | {"records": list(reply.content), "num_examples": examples, "metrics": metrics}


class RecordingFedAvg(FedAvg):
    """Stock FedAvg, with a recorder looking over its shoulder."""

    def __init__(self, recorder: Recorder, **options) -> None:
        super().__init__(**options)
        self.recorder = recorder

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        self.recorder.save_global(server_round, _to_numpy(arrays))
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]):
        replies = list(replies)
        for reply in replies:
            if reply.has_content():
                received = next(iter(reply.content.array_records.values()))
                self.recorder.save_arrays(server_round, reply.metadata.src_node_id, _to_numpy(received))
        arrays, metrics = super().aggregate_train(server_round, replies)
        self.recorder.save_aggregate(server_round, None if arrays is None else _to_numpy(arrays))
        self._save_replies(server_round, "train", replies, metrics)
        return arrays, metrics

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]):
        replies = list(replies)
        metrics = super().aggregate_evaluate(server_round, replies)
        self._save_replies(server_round, "evaluate", replies, metrics)
        return metrics

    def _save_replies(self, server_round: int, phase: str, replies: list[Message], metrics: MetricRecord | None) -> None:
        aggregate = None if metrics is None else dict(metrics)
        self.recorder.save_replies(server_round, phase, [_describe(reply) for reply in replies], aggregate)


def _with_clipping(strategy: FedAvg, kind: str, norm: float, nodes: int):
    """The strategy inside Flower's wrapper for nodes that clip. Without noise, so that every number can be foretold."""
    from flwr.serverapp import strategy as strategies  # not in every release

    if kind == "fixed":
        return strategies.DifferentialPrivacyClientSideFixedClipping(strategy, 0.0, norm, nodes)
    return strategies.DifferentialPrivacyClientSideAdaptiveClipping(strategy, 0.0, nodes, initial_clipping_norm=norm)


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    nodes = int(config["min-nodes"])
    recorder = Recorder(str(config["record-to"]))
    evaluate = {"min_evaluate_nodes": nodes} if config["evaluate"] else {"fraction_evaluate": 0.0}
    strategy = RecordingFedAvg(recorder, min_available_nodes=nodes, min_train_nodes=nodes, **evaluate)

    if config["clipping"]:
        strategy = _with_clipping(strategy, config["clipping"], float(config["clipping-norm"]), nodes)

    arrays = {name: Array(array) for name, array in initial_arrays().items() if name != config["drop-array"]}
    train_config = {"lr": config["lr"], "local-epochs": config["local-epochs"]}
    if config["fault"]:
        train_config |= {key: config[key] for key in ("fault", "fault-partition", "fault-seconds")}
    strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord(arrays),
        train_config=ConfigRecord(train_config),
        num_rounds=int(config["num-server-rounds"]),
    )
    recorder.finish()
