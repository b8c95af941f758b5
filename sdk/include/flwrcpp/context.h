// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>

#include "flwrcpp/records.h"

namespace flwrcpp {

/// What a ClientApp's handler knows beside its message. (`flwr.app.Context`)
struct Context {
  std::uint64_t run_id = 0;
  std::uint64_t node_id = 0;
  /// From `--node-config`, e.g. `partition-id`, `num-partitions`.
  UserConfig node_config;
  /// Defaults of the run's app (its FAB), overlaid with what `flwr run --run-config` said.
  UserConfig run_config;
  /// Records a handler leaves for the next message of the same run; kept in memory by the node.
  RecordDict state;
  /// Requested when the work is no longer wanted: the run was stopped (`flwr stop`), or the node
  /// is shutting down. Long handlers should look at it and return early; their reply is dropped.
  std::stop_token stop;
};

}  // namespace flwrcpp
