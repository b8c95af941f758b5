// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <thread>

#include "fleet/fleet_connection.h"
#include "rpc/clock.h"

namespace flwrcpp::internal {

/// Tells the SuperLink from a thread of its own that the node is alive, from construction to
/// destruction, whatever the node does meanwhile.
class Heartbeat {
 public:
  /// @param on_refused called once, from the thread, if the SuperLink does not accept the node any
  ///   more (`kUnauthenticated`); heartbeats end then.
  Heartbeat(FleetConnection& connection, Clock& clock, double interval,
            std::function<void(const Status&)> on_refused);

 private:
  void Run(std::stop_token stop);
  double NextPause();

  FleetConnection& connection_;
  Clock& clock_;
  const double interval_;
  const std::function<void(const Status&)> on_refused_;
  std::jthread thread_;  // last: uses all of the above
};

}  // namespace flwrcpp::internal
