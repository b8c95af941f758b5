// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "flwrcpp/status.h"
#include "superlink/caller.h"
#include "superlink/control_service.h"
#include "superlink/notifier.h"

namespace flwrcpp::internal {

/// Follows the log of a run, for one peer, until the run has finished.
class LogStream {
 public:
  /// `service` and `notifier` must outlive the stream and its coroutines.
  /// @param after Unix seconds; what was logged until then is left out.
  LogStream(ControlService& service, Notifier& notifier, std::uint64_t run_id, double after)
      : service_(service), notifier_(notifier), run_id_(run_id), after_(after) {}

  /// What comes next, as a frame; none after all has been said. It waits, without a thread, until
  /// there is something to say. To be run on an executor that runs one handler at a time.
  /// @return `kUnavailable` when the SuperLink stops, `kCancelled` when the caller has gone.
  boost::asio::awaitable<StatusOr<std::optional<std::string>>> Next(Caller& caller);

 private:
  /// One look: an error, a frame, the end, or nothing yet.
  std::optional<StatusOr<std::optional<std::string>>> Look(Caller& caller);

  ControlService& service_;
  Notifier& notifier_;
  const std::uint64_t run_id_;
  double after_;
};

}  // namespace flwrcpp::internal
