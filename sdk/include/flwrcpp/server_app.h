// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "flwrcpp/context.h"
#include "flwrcpp/grid.h"
#include "flwrcpp/status.h"
#include "flwrcpp/superlink.h"

namespace flwrcpp {

/// The part of a federation that coordinates: one function that talks to the nodes through a Grid,
/// usually by `Strategy::Start`. (`flwr.serverapp.ServerApp`)
class ServerApp {
 public:
  using Main = std::function<Status(Grid& grid, Context& context)>;

  /// An exception that `main` throws becomes `kInternal` with its text.
  explicit ServerApp(Main main) : main_(std::move(main)) {}

  /// Runs `main` once as a run of `superlink`, in this thread, and finishes the run with what
  /// came out: completed, stopped (`kCancelled`) or failed. `main` finds `stop` in its Context.
  /// @return what `main` returned; errors of starting and finishing the run.
  Status Run(SuperLink& superlink, const RunOptions& options, std::stop_token stop) const;

 private:
  Main main_;
};

/// Asks one random node for the arrays to begin with, as classic Flower does when a strategy has
/// none: by a `get_parameters` message. Waits until a node is online.
/// @param timeout for the reply; empty: no limit.
/// @return the arrays under the node's names (Python's classic clients name them "0", "1", …);
///   `kFailedPrecondition` when the node has none to give, `kDeadlineExceeded` without a reply,
///   `kCancelled` after a stop, errors of the grid.
StatusOr<ArrayRecord> PullInitialArrays(Grid& grid,
                                        std::optional<std::chrono::duration<double>> timeout,
                                        std::stop_token stop);

}  // namespace flwrcpp
