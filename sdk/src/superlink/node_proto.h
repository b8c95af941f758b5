// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "flwr/proto/node.pb.h"
#include "superlink/state/link_state.h"

namespace flwrcpp::internal {

/// A node as peers see it. What has not happened, or is not known, is left unset.
void ToProto(const NodeInfo& node, flwr::proto::NodeInfo& proto);

}  // namespace flwrcpp::internal
