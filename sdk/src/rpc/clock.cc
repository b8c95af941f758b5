// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/clock.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>

namespace flwrcpp::internal {
namespace {

/// Longer waits are cut: adding centuries to a time point overflows.
constexpr double kLongestSleep = 365.0 * 24 * 3600;

class SystemClock final : public Clock {
 public:
  double Monotonic() override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  double Unix() override {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  bool Sleep(double seconds, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wakeup;
    std::unique_lock lock(mutex);
    const std::chrono::duration<double> wait(std::clamp(seconds, 0.0, kLongestSleep));
    wakeup.wait_for(lock, stop, wait, [] { return false; });
    return !stop.stop_requested();
  }

  double Uniform() override {
    const std::lock_guard lock(mutex_);
    return std::uniform_real_distribution<double>()(random_);
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 random_{std::random_device()()};
};

}  // namespace

Clock& Clock::System() {
  static SystemClock clock;
  return clock;
}

}  // namespace flwrcpp::internal
