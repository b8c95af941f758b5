// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <thread>

#include "fleet/fleet_connection.h"
#include "rpc/clock.h"

namespace flwrcpp::internal {

/// While it lives, asks the SuperLink now and then whether a run goes on, and requests the stop of
/// the work on it when it does not. Flower has no message for that.
class RunWatch {
 public:
  RunWatch(FleetConnection& connection, Clock& clock, std::uint64_t run_id, std::stop_source& work);

  /// Whether the run was found to be over.
  bool run_is_over() const { return run_is_over_; }

 private:
  void Watch(std::stop_token stop);

  FleetConnection& connection_;
  Clock& clock_;
  const std::uint64_t run_id_;
  std::stop_source& work_;
  std::atomic<bool> run_is_over_{false};
  std::jthread thread_;  // last: uses all of the above
};

}  // namespace flwrcpp::internal
