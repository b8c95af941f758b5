# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock ClientApp of the legacy kind behind stock secaggplus_mod, with drift.py's arithmetic.

`drop-out-stage=N` in the node's config makes it fail in that stage, from 0 on.
"""

from flwr.client.mod import secaggplus_mod

from cnnapp.legacy_client_app import client_fn
from cnnapp.names import ClientApp, Context, Message

STAGES = ("setup", "share_keys", "collect_masked_vectors", "unmask")


def drop_out_mod(message: Message, context: Context, call_next) -> Message:
    number = int(context.node_config.get("drop-out-stage", -1))
    configs = message.content.config_records.get("secaggplus_configs")
    if configs is not None and 0 <= number == STAGES.index(configs["stage"]):
        raise RuntimeError("dropped out as its config wants it")
    return call_next(message, context)


app = ClientApp(client_fn=client_fn, mods=[drop_out_mod, secaggplus_mod])
