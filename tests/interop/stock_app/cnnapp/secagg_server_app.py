# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock ServerApp whose rounds go by secure aggregation: the recording FedAvg of the legacy kind, stock SecAggPlusWorkflow."""

from flwr.server import LegacyContext, ServerConfig
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow

from cnnapp.legacy_server_app import RecordingFedAvg, instruction_fn
from cnnapp.names import Context, ServerApp
from cnnapp.recording import Recorder

app = ServerApp()


@app.main()
def main(grid, context: Context) -> None:
    config = context.run_config
    nodes, rounds = int(config["min-nodes"]), int(config["num-server-rounds"])
    recorder = Recorder(str(config["record-to"]))
    strategy = RecordingFedAvg(
        recorder,
        min_available_clients=nodes,
        min_fit_clients=nodes,
        min_evaluate_clients=nodes,
        on_fit_config_fn=instruction_fn(config),
        on_evaluate_config_fn=instruction_fn(config),
    )
    workflow = SecAggPlusWorkflow(
        num_shares=int(config["num-shares"]),
        reconstruction_threshold=int(config["threshold"]),
        max_weight=float(config["max-weight"]),
    )
    legacy = LegacyContext(context=context, config=ServerConfig(num_rounds=rounds), strategy=strategy)
    DefaultWorkflow(fit_workflow=workflow)(grid, legacy)
    recorder.finish()
