// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp {

/// A task that an executor (Flower's SuperExec) has claimed and started this process for, as it
/// starts `flwr-serverapp` and `flwr-clientapp`.
struct TaskOptions {
  std::string token;  ///< What the executor was given for the task.

  /// Gets the tasks of apps that are not C++ ones (whose `pyproject.toml` does not say so in
  /// `[tool.flwrcpp]`: `serverapp = true`, `clientapp = true`): starts Flower's own program with
  /// `--runtime-api-address ADDRESS --token TOKEN --insecure` and returns when that has ended. The
  /// address (`127.0.0.1:PORT`) belongs to this process, which passes all calls on. Empty: the
  /// tasks of all apps are ours.
  std::function<Status(const std::string& address, std::stop_token stop)> run_python;
};

}  // namespace flwrcpp
