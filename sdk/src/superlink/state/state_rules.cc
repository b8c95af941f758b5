// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/state_rules.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/object.h"

namespace flwrcpp::internal {
namespace {

// Flower takes no message made before this moment (2025-02-28): older releases counted times
// differently.
constexpr double kEarliestCreation = 1740700800;

// What a reply may outlive its instruction by: clocks and rounding differ.
constexpr double kTtlTolerance = 0.1;

// Longest texts kept of a message, in bytes.
constexpr std::size_t kMaxGroupId = 4096;
constexpr std::size_t kMaxMessageType = 4096;
constexpr std::size_t kMaxReason = 1 << 20;

Status CheckForm(const Message& message, double now) {
  const Metadata& metadata = message.metadata();
  if (!IsObjectId(metadata.message_id)) {
    return InvalidArgument("message id: expected 64 hex digits, got {} bytes",
                           metadata.message_id.size());
  }
  // NaN must not pass: every comparison is written so that it fails.
  if (!(metadata.created_at >= kEarliestCreation) || !std::isfinite(metadata.created_at)) {
    return InvalidArgument("message {}: created_at {} is before {}", metadata.message_id,
                           metadata.created_at, kEarliestCreation);
  }
  if (!(metadata.ttl > 0) || !std::isfinite(metadata.ttl)) {
    return InvalidArgument("message {}: ttl must be above 0 s, is {}", metadata.message_id,
                           metadata.ttl);
  }
  if (!(ExpiresAt(metadata) > now)) {
    return InvalidArgument("message {}: expired at {}, now is {}", metadata.message_id,
                           ExpiresAt(metadata), now);
  }
  if (metadata.src_node_id == 0 || metadata.dst_node_id == 0) {
    return InvalidArgument("message {}: source and destination must not be 0", metadata.message_id);
  }
  if (metadata.message_type.size() > kMaxMessageType ||
      !IsValidMessageType(metadata.message_type)) {
    return InvalidArgument("message {}: '{}' is no message type", metadata.message_id,
                           metadata.message_type.substr(0, 100));
  }
  if (message.has_content() == message.has_error()) {
    return InvalidArgument("message {}: expected either content or an error, got {}",
                           metadata.message_id, message.has_error() ? "both" : "neither");
  }
  if (metadata.group_id.size() > kMaxGroupId) {
    return InvalidArgument("message {}: group id of {} bytes, at most {} are kept",
                           metadata.message_id, metadata.group_id.size(), kMaxGroupId);
  }
  if (message.has_error() && message.error().reason.size() > kMaxReason) {
    return InvalidArgument("message {}: error reason of {} bytes, at most {} are kept",
                           metadata.message_id, message.error().reason.size(), kMaxReason);
  }
  return absl::OkStatus();
}

Message ErrorFor(const Metadata& instruction, ErrorCode code, const char* reason, double now) {
  Metadata metadata;
  metadata.run_id = instruction.run_id;
  metadata.src_node_id = kSuperLinkNodeId;
  metadata.dst_node_id = kSuperLinkNodeId;
  metadata.reply_to_message_id = instruction.message_id;
  metadata.group_id = instruction.group_id;
  metadata.created_at = now;
  metadata.ttl = std::max(ExpiresAt(instruction) - now, 0.0);
  metadata.message_type = instruction.message_type;
  metadata.src_task_id = instruction.dst_task_id;
  metadata.dst_task_id = instruction.src_task_id;
  Message error(std::move(metadata), Error{static_cast<std::int64_t>(code), reason});
  error.metadata().message_id = Deflate(error).root.id;
  return error;
}

Status CheckInstruction(const Message& message, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckForm(message, now));
  const Metadata& metadata = message.metadata();
  if (!metadata.reply_to_message_id.empty()) {
    return InvalidArgument("instruction {}: it must not be a reply", metadata.message_id);
  }
  if (metadata.src_node_id != kSuperLinkNodeId) {
    return InvalidArgument("instruction {}: expected source {}, got {}", metadata.message_id,
                           kSuperLinkNodeId, metadata.src_node_id);
  }
  return absl::OkStatus();
}

}  // namespace

Status CheckInstructions(std::span<const Message> messages, double now) {
  std::unordered_map<std::string_view, const Metadata*> by_id;
  for (const Message& message : messages) {
    FLWRCPP_RETURN_IF_ERROR(CheckInstruction(message, now));
    const Metadata& metadata = message.metadata();
    const auto [seen, is_new] = by_id.emplace(metadata.message_id, &metadata);
    if (!is_new && *seen->second != metadata) return OtherMessageKnown(metadata.message_id);
  }
  return absl::OkStatus();
}

Status CheckReply(const Message& message, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckForm(message, now));
  const Metadata& metadata = message.metadata();
  if (!IsObjectId(metadata.reply_to_message_id)) {
    return InvalidArgument("reply {}: it names no instruction", metadata.message_id);
  }
  if (metadata.src_node_id == kSuperLinkNodeId || metadata.dst_node_id != kSuperLinkNodeId) {
    return InvalidArgument("reply {}: expected one from a node to {}, got {} to {}",
                           metadata.message_id, kSuperLinkNodeId, metadata.src_node_id,
                           metadata.dst_node_id);
  }
  return absl::OkStatus();
}

Status CheckReplyFits(const Metadata& reply, const Metadata& instruction, double now) {
  if (HasExpired(instruction, now)) {
    return MakeError(StatusCode::kNotFound, "reply {}: instruction {} expired at {}",
                     reply.message_id, instruction.message_id, ExpiresAt(instruction));
  }
  if (reply.run_id != instruction.run_id || reply.src_node_id != instruction.dst_node_id) {
    return MakeError(StatusCode::kPermissionDenied,
                     "reply {}: instruction {} was for node {} in run {}, not for {} in {}",
                     reply.message_id, instruction.message_id, instruction.dst_node_id,
                     instruction.run_id, reply.src_node_id, reply.run_id);
  }
  if (ExpiresAt(reply) - ExpiresAt(instruction) > kTtlTolerance) {
    return InvalidArgument("reply {}: it is valid until {}, its instruction until {}",
                           reply.message_id, ExpiresAt(reply), ExpiresAt(instruction));
  }
  return absl::OkStatus();
}

Status CheckHeartbeatInterval(double seconds) {
  if (seconds >= kMinHeartbeatInterval && seconds <= kMaxHeartbeatInterval) {
    return absl::OkStatus();
  }
  return InvalidArgument("heartbeat interval: expected {} to {} s, got {}", kMinHeartbeatInterval,
                         kMaxHeartbeatInterval, seconds);
}

Message StubOf(const Message& message) {
  static const auto kNoRecords = std::make_shared<const RecordDict>();
  if (message.has_error()) return {message.metadata(), message.error()};
  return {message.metadata(), kNoRecords};
}

Status CheckTransition(const RunInfo& run, RunStatus next, const std::string& sub_status) {
  const RunStatus status = run.status();
  bool allowed = false;
  switch (next) {
    case RunStatus::kPending:
      break;
    case RunStatus::kStarting:
      allowed = status == RunStatus::kPending;
      break;
    case RunStatus::kRunning:
      allowed = status == RunStatus::kStarting;
      break;
    case RunStatus::kFinished:
      if (sub_status != run_sub_status::kCompleted && sub_status != run_sub_status::kFailed &&
          sub_status != run_sub_status::kStopped) {
        return InvalidArgument("run {}: '{}' is no way to finish", run.run_id, sub_status);
      }
      allowed = sub_status == run_sub_status::kCompleted ? status == RunStatus::kRunning
                                                         : status != RunStatus::kFinished;
      break;
  }
  if (allowed) return absl::OkStatus();
  return MakeError(StatusCode::kFailedPrecondition, "run {}: it is {}, it cannot become {} {}",
                   run.run_id, RunStatusName(status), RunStatusName(next), sub_status);
}

Status CheckRuntime(double seconds) {
  if (seconds >= 0 && std::isfinite(seconds)) return absl::OkStatus();
  return InvalidArgument("ClientApp runtime of {} s", seconds);
}

Status OtherMessageKnown(const std::string& message_id) {
  return InvalidArgument("message {}: the id belongs to a different message", message_id);
}

Status UnknownKey() { return MakeError(StatusCode::kNotFound, "no node has this public key"); }

Status UnknownNode(std::uint64_t node_id) {
  return MakeError(StatusCode::kNotFound, "node {} is unknown or unregistered", node_id);
}

double NextLogTime(double last, double now) {
  constexpr double kMicrosecond = 1e-6;
  // A double of today's Unix time has a quarter of a microsecond: two steps stay apart.
  return std::max(now, last + 2 * kMicrosecond);
}

std::string NewToken() {
  constexpr std::size_t kTokenBytes = 128;
  return HexEncode(RandomBytes(kTokenBytes));
}

Status UnknownToken() {
  return MakeError(StatusCode::kNotFound, "the token is unknown, or no longer valid");
}

Status UnknownFab(const std::string& hash) {
  return MakeError(StatusCode::kNotFound, "there is no FAB with hash '{}'", hash);
}

Status UnknownContext(std::uint64_t series_id) {
  return MakeError(StatusCode::kNotFound, "run series {} has no context", series_id);
}

Status NonceUsed() { return MakeError(StatusCode::kAlreadyExists, "the nonce was used before"); }

Status UnknownRun(std::uint64_t run_id) {
  return MakeError(StatusCode::kNotFound, "run {} is unknown", run_id);
}

Message MessageUnavailable(std::uint64_t run_id, const std::string& instruction_id, double now) {
  Metadata unknown;
  unknown.run_id = run_id;
  unknown.message_id = instruction_id;
  unknown.message_type = message_type::kSystem;
  return ErrorFor(unknown, ErrorCode::kMessageUnavailable,
                  "The message is unknown, was answered before or has expired.", now);
}

Message ReplyUnavailable(const Metadata& instruction, double now) {
  return ErrorFor(instruction, ErrorCode::kReplyMessageUnavailable,
                  "The reply expired before it was pulled.", now);
}

Message NodeUnavailable(const Metadata& instruction, double now) {
  return ErrorFor(instruction, ErrorCode::kNodeUnavailable,
                  "The node of this message is offline or gone.", now);
}

}  // namespace flwrcpp::internal
