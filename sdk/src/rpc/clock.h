// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stop_token>

namespace flwrcpp::internal {

/// Time and chance of a node, injected so that tests need neither. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Seconds since some moment; never goes back.
  virtual double Monotonic() = 0;
  /// Unix seconds.
  virtual double Unix() = 0;
  /// Waits `seconds`, or until `stop` is requested.
  /// @return false if `stop` is requested.
  virtual bool Sleep(double seconds, std::stop_token stop) = 0;
  /// A random number, uniform in [0, 1).
  virtual double Uniform() = 0;

  /// The real one.
  static Clock& System();
};

}  // namespace flwrcpp::internal
