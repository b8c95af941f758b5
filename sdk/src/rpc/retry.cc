// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/retry.h"

#include <algorithm>
#include <string>

#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

constexpr double kFirstPause = 1;
constexpr double kLongestPause = 20;

}  // namespace

Backoff::Backoff(const RetryPolicy& policy, Clock& clock)
    : policy_(policy),
      clock_(clock),
      attempt_began_(clock.Monotonic()),
      began_(attempt_began_),
      longest_pause_(kFirstPause) {}

bool Backoff::Wait(const Status& failure, std::stop_token stop) {
  if (stop.stop_requested()) return false;
  // As in stock Flower, what counts is when the attempt that failed began.
  const double elapsed = attempt_began_ - began_;
  if ((policy_.max_retries && retries_ >= *policy_.max_retries) ||
      (policy_.max_wait_seconds && elapsed >= *policy_.max_wait_seconds)) {
    return false;
  }
  double pause = clock_.Uniform() * longest_pause_;
  if (policy_.max_wait_seconds) pause = std::min(pause, *policy_.max_wait_seconds - elapsed);
  longest_pause_ = std::min(2 * longest_pause_, kLongestPause);
  ++retries_;
  Log(LogLevel::kWarning, "{}; trying again in {:.2f} s", std::string(failure.message()), pause);
  const bool go_on = clock_.Sleep(pause, stop);
  attempt_began_ = clock_.Monotonic();
  return go_on;
}

}  // namespace flwrcpp::internal
