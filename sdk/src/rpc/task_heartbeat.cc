// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/task_heartbeat.h"

#include <string>
#include <utility>

#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

/// Seconds between heartbeats. Stock gives a running task up after 60 s; ours are more frequent
/// since they are also how a task learns that its run was stopped.
constexpr double kPause = 3;

}  // namespace

bool IsTaskOver(const Status& status) { return status.code() == StatusCode::kUnauthenticated; }

TaskHeartbeat::TaskHeartbeat(RuntimeConnection& connection, Clock& clock,
                             std::function<void()> on_over)
    : connection_(connection),
      clock_(clock),
      on_over_(std::move(on_over)),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {}

void TaskHeartbeat::Run(std::stop_token stop) {
  do {
    const StatusOr<bool> goes_on = connection_.SendTaskHeartbeat(stop);
    if (stop.stop_requested()) return;
    if (goes_on.ok() ? !*goes_on : IsTaskOver(goes_on.status())) {
      on_over_();
      return;
    }
    if (!goes_on.ok()) {
      Log(LogLevel::kWarning, "Heartbeat failed: {}", std::string(goes_on.status().message()));
    }
  } while (clock_.Sleep(kPause, stop));
}

}  // namespace flwrcpp::internal
