// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "flwrcpp/context.h"
#include "flwrcpp/grid.h"
#include "flwrcpp/remote_superlink.h"
#include "flwrcpp/status.h"
#include "flwrcpp/superlink.h"
#include "flwrcpp/task.h"

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

  /// Runs `main` once as a run of a SuperLink that is elsewhere: submits the run, by a FAB made for
  /// it if `options` hold none, claims it as an executor would, and finishes it with what came out.
  /// Other executors of the SuperLink must not be quicker: `flower-superlink --isolation process`.
  /// @return what `main` returned; `kCancelled` after `stop`, and when the run was stopped at the
  ///   SuperLink (`flwr stop`); `kFailedPrecondition` when another executor took the run;
  ///   `kInvalidArgument` for contradicting options; errors of starting and finishing the run.
  Status Run(const RemoteSuperLink& superlink, const RunOptions& options,
             std::stop_token stop) const;

  /// Runs `main` once for a run that an executor has claimed, as Flower's SuperExec starts
  /// `flwr-serverapp`. Apps of Python are left to `task.run_python`, if it is set.
  Status RunTask(const RemoteSuperLink& superlink, const TaskOptions& task,
                 std::stop_token stop) const;

  /// Is an executor: claims the runs that users start with `flwr run`, whatever their FAB, and runs
  /// `main` for each, one after the other. A run that fails is logged.
  /// @return OK after `stop`; errors of claiming.
  Status Serve(const RemoteSuperLink& superlink, std::stop_token stop) const;

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
