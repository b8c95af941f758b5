// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>

namespace flwrcpp::internal {

/// The peer at the other end of a call, as its listener sees it. What is delivered to a peer that
/// has gone is lost, so calls that deliver something look here first.
class Caller {
 public:
  enum class State {
    kWaiting,  ///< Waits for its answer.
    kTalking,  ///< Sent something more; whether it goes cannot be seen any longer.
    kGone,     ///< Will not read an answer.
  };

  virtual ~Caller() = default;

  virtual State state() = 0;

  /// Calls `on_change`, from any thread, when the state may have changed. `on_change` may still be
  /// called once after `StopWatching`.
  virtual void Watch(std::function<void()> on_change) = 0;
  virtual void StopWatching() = 0;
};

}  // namespace flwrcpp::internal
