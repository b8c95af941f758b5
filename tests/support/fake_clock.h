// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <vector>

#include "rpc/clock.h"

namespace flwrcpp::testing {

/// Time that passes only by sleeping, which takes none.
class FakeClock final : public internal::Clock {
 public:
  double Monotonic() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  double Unix() override { return 1'800'000'000 + Monotonic(); }
  bool Sleep(double seconds, std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    if (stop.stop_requested()) return false;
    sleeps_.push_back(seconds);
    now_ += seconds;
    return true;
  }
  double Uniform() override { return 0.5; }

  void Advance(double seconds) {
    const std::lock_guard lock(mutex_);
    now_ += seconds;
  }
  std::vector<double> sleeps() {
    const std::lock_guard lock(mutex_);
    return sleeps_;
  }

 private:
  std::mutex mutex_;
  double now_ = 0;
  std::vector<double> sleeps_;
};

/// The real clock, a thousand times as fast unless told otherwise: for tests of threads that wait
/// for each other.
class FastClock final : public internal::Clock {
 public:
  double Monotonic() override { return factor_ * System().Monotonic(); }
  /// Not faster: the peer's timestamps are real.
  double Unix() override { return System().Unix(); }
  bool Sleep(double seconds, std::stop_token stop) override {
    return System().Sleep(seconds / factor_, stop);
  }
  double Uniform() override { return System().Uniform(); }

  /// Call before the clock is used.
  void SetFactor(double factor) { factor_ = factor; }

 private:
  double factor_ = 1000;
};

}  // namespace flwrcpp::testing
