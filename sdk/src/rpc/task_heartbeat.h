// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "flwrcpp/status.h"
#include "rpc/clock.h"
#include "rpc/runtime_connection.h"

namespace flwrcpp::internal {

/// Tells a SuperLink or SuperNode from a thread of its own that a task is being worked on, from
/// construction to destruction.
class TaskHeartbeat {
 public:
  /// @param on_over called once, from the thread, when the task turns out to be over (stopped, or
  ///   given up for want of heartbeats); heartbeats end then.
  TaskHeartbeat(RuntimeConnection& connection, Clock& clock, std::function<void()> on_over);

 private:
  void Run(std::stop_token stop);

  RuntimeConnection& connection_;
  Clock& clock_;
  const std::function<void()> on_over_;
  std::jthread thread_;  // last: uses all of the above
};

/// Whether a status of a task's call says that the task is over.
bool IsTaskOver(const Status& status);

}  // namespace flwrcpp::internal
