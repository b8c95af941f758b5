// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "flwrcpp/client_app.h"
#include "flwrcpp/node.h"
#include "flwrcpp/status.h"
#include "flwrcpp/task.h"

namespace flwrcpp {

/// Answers the one message for which Flower's own SuperNode (≥ 1.40) started this process in place
/// of `flwr-clientapp`, and ends. For sites that must keep Flower's node.
///
/// @param options `superlink` is the address of the SuperNode's Runtime API; what concerns joining
///   (keys, node config, heartbeat, transport, state directory) is the SuperNode's business.
/// @param stop ends the work; the SuperNode then reports a failure.
/// @return OK when the SuperNode has the reply, an error reply included; `kCancelled` after `stop`
///   or when the task is over; errors of the calls.
Status RunClientTask(const ClientApp& app, const NodeOptions& options, const TaskOptions& task,
                     std::stop_token stop);

}  // namespace flwrcpp
