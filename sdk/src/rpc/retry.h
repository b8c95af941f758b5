// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>

#include "flwrcpp/status.h"
#include "rpc/clock.h"

namespace flwrcpp::internal {

/// How long a call that cannot reach the SuperLink is repeated.
struct RetryPolicy {
  std::optional<std::uint64_t> max_retries;  ///< Empty: without end.
  std::optional<double> max_wait_seconds;    ///< From the first attempt on; empty: without end.
};

/// The pauses between the attempts of one call: random between 0 and 1, 2, 4, …, 20 s, so that
/// nodes that lost their SuperLink at the same time do not return at the same time.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, Clock& clock);

  /// Waits before the next attempt.
  /// @param failure why the last one failed, for the log.
  /// @return false if there is to be none: the policy is exhausted or `stop` is requested.
  bool Wait(const Status& failure, std::stop_token stop);

 private:
  const RetryPolicy& policy_;
  Clock& clock_;
  double attempt_began_;
  const double began_;
  double longest_pause_;
  std::uint64_t retries_ = 0;
};

}  // namespace flwrcpp::internal
