// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "flwrcpp/context.h"
#include "flwrcpp/grid.h"
#include "flwrcpp/remote_superlink.h"
#include "flwrcpp/status.h"
#include "flwrcpp/superlink.h"
#include "flwrcpp/task.h"

namespace flwrcpp::internal {

using ServerAppMain = std::function<Status(Grid& grid, Context& context)>;

/// How a run ends in Flower's words: completed, stopped or failed.
std::string SubStatusOf(const Status& outcome);

/// Works on a task, from its input to its output.
/// @return what `main` returned; `kCancelled` when the run was stopped at the SuperLink; errors of
///   the first and the last call.
Status WorkOnTask(const ServerAppMain& main, const RemoteSuperLink& superlink,
                  const TaskOptions& task, std::stop_token stop);

/// Submits a run, claims it and works on it.
Status SubmitAndWork(const ServerAppMain& main, const RemoteSuperLink& superlink,
                     const RunOptions& options, std::stop_token stop);

/// Claims runs and works on them, one after the other, until `stop`.
Status ClaimAndWork(const ServerAppMain& main, const RemoteSuperLink& superlink,
                    std::stop_token stop);

}  // namespace flwrcpp::internal
