// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/run_watch.h"

#include <utility>

#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

constexpr double kPause = 1.5;

}  // namespace

RunWatch::RunWatch(FleetConnection& connection, Clock& clock, std::uint64_t run_id,
                   std::stop_source& work)
    : connection_(connection),
      clock_(clock),
      run_id_(run_id),
      work_(work),
      thread_([this](std::stop_token stop) { Watch(std::move(stop)); }) {}

void RunWatch::Watch(std::stop_token stop) {
  while (clock_.Sleep(kPause, stop)) {
    // Other failures say nothing about the run.
    if (connection_.ProbeRun(run_id_, stop).code() == StatusCode::kPermissionDenied) {
      Log(LogLevel::kInfo, "Run {} is over; its work is stopped", run_id_);
      run_is_over_ = true;
      work_.request_stop();
      return;
    }
  }
}

}  // namespace flwrcpp::internal
