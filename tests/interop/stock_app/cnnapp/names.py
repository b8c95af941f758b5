# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Flower's names, from where the release at hand keeps them."""

try:
    from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp
except ImportError:  # before 1.21
    from flwr.client import ClientApp
    from flwr.common import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
    from flwr.server import ServerApp

__all__ = ["Array", "ArrayRecord", "ClientApp", "Context", "Message", "MetricRecord", "RecordDict", "ServerApp"]
