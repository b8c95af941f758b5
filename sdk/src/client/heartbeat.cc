// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/heartbeat.h"

#include <algorithm>
#include <string>
#include <utility>

#include "internal/block.h"
#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

/// The announced interval less the time a call may take, spread so that nodes that were started
/// together do not beat together.
constexpr double kCallTime = 5;
constexpr double kEarliest = 0.7;
constexpr double kLatest = 0.9;
/// For intervals too short for the above.
constexpr double kShortestPart = 0.2;

}  // namespace

Heartbeat::Heartbeat(FleetConnection& connection, Clock& clock, double interval,
                     std::function<void(const Status&)> on_refused)
    : connection_(connection),
      clock_(clock),
      interval_(interval),
      on_refused_(std::move(on_refused)),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {}

double Heartbeat::NextPause() {
  const double base = std::max(interval_ - kCallTime, interval_ * kShortestPart);
  return base * (kEarliest + (kLatest - kEarliest) * clock_.Uniform());
}

void Heartbeat::Run(std::stop_token stop) {
  do {
    GiveBackFreeBlocks();  // a node that waits for its next instruction needs little memory
    const StatusOr<bool> known = connection_.SendNodeHeartbeat(interval_, stop);
    if (stop.stop_requested()) return;
    if (known.status().code() == StatusCode::kUnauthenticated) {
      on_refused_(known.status());
      return;
    }
    if (!known.ok()) {
      Log(LogLevel::kWarning, "Heartbeat failed: {}", std::string(known.status().message()));
    } else if (!*known) {
      Log(LogLevel::kError, "The SuperLink does not know this node any more");
    }
  } while (clock_.Sleep(NextPause(), stop));
}

}  // namespace flwrcpp::internal
