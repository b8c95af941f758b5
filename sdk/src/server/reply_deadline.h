// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace flwrcpp::internal {

/// Until when replies are awaited, in slices after which a stop is noticed.
class ReplyDeadline {
 public:
  using Seconds = std::chrono::duration<double>;

  /// Counts from now; empty: no limit.
  explicit ReplyDeadline(std::optional<Seconds> timeout) {
    if (timeout.has_value()) {
      end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(*timeout);
    }
  }

  bool has_passed() const { return end_.has_value() && Clock::now() >= *end_; }

  /// What is left of the time, at most a slice.
  Seconds NextWait() const {
    if (!end_.has_value()) return kSlice;
    return std::clamp(Seconds(*end_ - Clock::now()), Seconds(0), kSlice);
  }

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr Seconds kSlice = std::chrono::milliseconds(250);

  std::optional<Clock::time_point> end_;
};

}  // namespace flwrcpp::internal
