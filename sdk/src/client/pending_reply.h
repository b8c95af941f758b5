// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

#include "flwr/proto/message.pb.h"
#include "flwrcpp/message.h"
#include "flwrcpp/status.h"
#include "records/object.h"

namespace flwrcpp::internal {

/// A finished reply, taken apart, that the SuperLink does not have yet.
struct PendingReply {
  flwr::proto::Message stub;  ///< Metadata with the message id, and error or empty content.
  ObjectTree tree;
  std::unordered_map<std::string, Object> objects;
  double runtime_seconds = 0;
  /// Whether an earlier process may have sent (part of) it.
  bool resumed = false;
  std::filesystem::path file;  ///< Empty if it is in memory only.

  std::uint64_t run_id() const { return stub.metadata().run_id(); }
  const std::string& message_id() const { return stub.metadata().message_id(); }
  /// Unix seconds.
  double expires_at() const { return stub.metadata().created_at() + stub.metadata().ttl(); }
};

PendingReply MakePendingReply(Message reply, double runtime_seconds);

/// Writes `reply` to `file`, which appears only when complete and on the disk. The format is
/// private to this program: a magic number, a PushMessagesRequest, the objects in post-order.
/// @return `kUnavailable` saying what the system says.
Status WriteReply(const PendingReply& reply, const std::filesystem::path& file);

/// Reads what `WriteReply()` wrote and checks each object.
/// @return `kDataLoss` for a damaged file, `kUnavailable` for an unreadable one.
StatusOr<PendingReply> ReadReply(const std::filesystem::path& file);

}  // namespace flwrcpp::internal
