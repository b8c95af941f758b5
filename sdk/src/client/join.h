// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>

#include "fleet/fleet_connection.h"
#include "rpc/clock.h"

namespace flwrcpp::internal {

struct JoinOptions {
  /// Whether the node makes its key known itself.
  bool register_node = true;
  double heartbeat_interval = 30;
  /// Where the node's id is remembered, to go on after a crash; empty: nowhere.
  std::filesystem::path directory;
  /// Bounds the wait for a SuperLink that refuses.
  std::optional<double> max_wait_seconds;
};

/// Registers and activates a node and sets the connection's node id.
///
/// A SuperLink refuses to activate a node that it takes for online, as it does for a while after a
/// crash: then goes on with a known id, or waits until the SuperLink has noticed.
/// @return what the calls return; `kFailedPrecondition` if the SuperLink keeps refusing.
Status Join(FleetConnection& connection, Clock& clock, const JoinOptions& options,
            std::stop_token stop);

}  // namespace flwrcpp::internal
