// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stop_token>

#include "flwrcpp/client_app.h"
#include "flwrcpp/node.h"
#include "rpc/clock.h"

namespace flwrcpp::internal {

/// `RunNode()` over the classic stream.
Status RunClassicNode(const ClientApp& app, const NodeOptions& options, Clock& clock,
                      std::stop_token stop);

}  // namespace flwrcpp::internal
