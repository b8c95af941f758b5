// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <deque>
#include <filesystem>
#include <stop_token>

#include "client/pending_reply.h"
#include "fleet/fleet_connection.h"
#include "flwrcpp/message.h"
#include "rpc/clock.h"

namespace flwrcpp::internal {

/// Finished replies, kept until the SuperLink has every object of them or refuses them: in memory,
/// and in a directory if one is given. Not thread-safe.
class Outbox {
 public:
  struct Options {
    std::filesystem::path directory;  ///< Empty: in memory only.
    int concurrency = 2;
    RetryPolicy retry;
  };

  Outbox(FleetConnection& connection, Clock& clock, Options options);

  /// Reads the replies that an earlier process of this node left.
  /// @return `kInvalidArgument` if the directory cannot be used.
  Status Load();

  /// Takes over a reply. If it cannot be written to the directory, it stays in memory.
  void Add(Message reply, double runtime_seconds);

  bool empty() const { return replies_.empty(); }

  /// Delivers all replies, oldest first. Those the SuperLink does not want are logged and dropped.
  /// @return `kCancelled` after `stop`, `kUnavailable` when the SuperLink cannot be reached,
  ///   `kUnauthenticated`; replies that are not delivered then stay.
  Status Flush(std::stop_token stop);

 private:
  /// @return OK when the SuperLink has all of the reply.
  Status Deliver(const PendingReply& reply, std::stop_token stop);
  Status PushObjects(const PendingReply& reply, const PushTicket& ticket, std::stop_token stop);
  void RemoveFirst();

  FleetConnection& connection_;
  Clock& clock_;
  const Options options_;
  std::deque<PendingReply> replies_;
};

}  // namespace flwrcpp::internal
