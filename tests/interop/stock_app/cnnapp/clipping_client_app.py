# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock ClientApp (message API) that clips with the stock mod which `clipping` in the node's config names."""

from flwr.clientapp.mod import adaptiveclipping_mod, fixedclipping_mod

from cnnapp.client_app import evaluate, train
from cnnapp.names import ClientApp, Context, Message

MODS = {"fixed": fixedclipping_mod, "adaptive": adaptiveclipping_mod}


def clipping_mod(message: Message, context: Context, call_next) -> Message:
    return MODS[str(context.node_config["clipping"])](message, context, call_next)


app = ClientApp()
app.train(mods=[clipping_mod])(train)
app.evaluate()(evaluate)
