// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/state/sqlite_link_state.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {
namespace {

#define FLWRCPP_METADATA_COLUMNS                                                   \
  "m.message_id, m.run_id, m.src_node_id, m.dst_node_id, m.reply_to, m.group_id, " \
  "m.created_at, m.ttl, m.message_type, m.src_task_id, m.dst_task_id"
constexpr int kErrorColumn = 11;  // The first after the metadata.

// What `NextInstruction` hands out: ?1 the node, ?2 the time. Left alone, the planner would go
// through all messages that are no replies.
#define FLWRCPP_READY_INSTRUCTION                                                           \
  " FROM message m INDEXED BY message_ready JOIN run r ON r.run_id = m.run_id"              \
  " WHERE m.dst_node_id = ?1 AND m.reply_to IS NULL AND m.released = 1 AND m.delivered = 0" \
  " AND m.created_at + m.ttl > ?2 AND r.finished_at = 0 ORDER BY m.seq LIMIT 1"

Metadata ReadMetadata(const SqliteQuery& row) {
  Metadata metadata;
  metadata.message_id = row.Text(0);
  metadata.run_id = row.Id(1);
  metadata.src_node_id = row.Id(2);
  metadata.dst_node_id = row.Id(3);
  metadata.reply_to_message_id = row.Text(4);
  metadata.group_id = row.Text(5);
  metadata.created_at = row.Real(6);
  metadata.ttl = row.Real(7);
  metadata.message_type = row.Text(8);
  if (!row.IsNull(9)) metadata.src_task_id = row.Id(9);
  if (!row.IsNull(10)) metadata.dst_task_id = row.Id(10);
  return metadata;
}

Message ReadMessage(const SqliteQuery& row) {
  if (row.IsNull(kErrorColumn)) return {ReadMetadata(row), RecordDict()};
  return {ReadMetadata(row), Error{row.Integer(kErrorColumn), row.Text(kErrorColumn + 1)}};
}

}  // namespace

StatusOr<std::optional<Message>> SqliteLinkState::FindMessageLocked(const std::string& message_id) {
  SqliteQuery row = database().Query("SELECT " FLWRCPP_METADATA_COLUMNS
                                     ", m.error_code, m.error_reason "
                                     "FROM message m WHERE m.message_id = ?",
                                     {message_id});
  std::optional<Message> message;
  if (row.Next()) message = ReadMessage(row);
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return message;
}

Status SqliteLinkState::InsertMessageLocked(const Message& message) {
  const Metadata& metadata = message.metadata();
  const auto reply_to = metadata.reply_to_message_id.empty()
                            ? SqlValue(std::optional<std::uint64_t>())
                            : SqlValue(metadata.reply_to_message_id);
  std::optional<std::uint64_t> error_code;
  if (message.has_error()) error_code = static_cast<std::uint64_t>(message.error().code);
  const std::string reason = message.has_error() ? message.error().reason : "";
  return database().Run(
      "INSERT INTO message (message_id, run_id, src_node_id, dst_node_id, reply_to, group_id, "
      "created_at, ttl, message_type, src_task_id, dst_task_id, error_code, error_reason) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {metadata.message_id, metadata.run_id, metadata.src_node_id, metadata.dst_node_id, reply_to,
       metadata.group_id, metadata.created_at, metadata.ttl, metadata.message_type,
       metadata.src_task_id, metadata.dst_task_id, error_code, reason});
}

Status SqliteLinkState::RemoveLocked(const std::string& message_id) {
  return database().Run("DELETE FROM message WHERE message_id = ?1 OR reply_to = ?1", {message_id});
}

StatusOr<std::vector<std::string>> SqliteLinkState::StoreInstructions(
    std::span<const Message> messages, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckInstructions(messages, now));
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  std::vector<std::string> ids;
  ids.reserve(messages.size());
  for (const Message& message : messages) {
    const Metadata& metadata = message.metadata();
    FLWRCPP_ASSIGN_OR_RETURN(const auto known, FindMessageLocked(metadata.message_id));
    if (known.has_value() && known->metadata() != metadata) {
      return OtherMessageKnown(metadata.message_id);
    }
    FLWRCPP_ASSIGN_OR_RETURN(const auto node, FindNodeStatusLocked(metadata.dst_node_id));
    FLWRCPP_ASSIGN_OR_RETURN(const bool unfinished, IsUnfinishedLocked(metadata.run_id));
    if (!node.has_value() || *node == NodeStatus::kRegistered || !unfinished) {
      ids.emplace_back();
      continue;
    }
    ids.push_back(metadata.message_id);
    if (!known.has_value()) FLWRCPP_RETURN_IF_ERROR(InsertMessageLocked(message));
  }
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return ids;
}

StatusOr<std::optional<Message>> SqliteLinkState::NextInstruction(std::uint64_t node_id,
                                                                  double now) {
  const std::lock_guard lock(file_->mutex);
  std::optional<Message> message;
  {
    SqliteQuery row = database().Query("SELECT " FLWRCPP_METADATA_COLUMNS
                                       ", m.error_code, m.error_reason" FLWRCPP_READY_INSTRUCTION,
                                       {node_id, now});
    if (row.Next()) message = ReadMessage(row);
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  if (message.has_value()) {
    FLWRCPP_RETURN_IF_ERROR(database().Run("UPDATE message SET delivered = 1 WHERE message_id = ?",
                                           {message->metadata().message_id}));
  }
  return message;
}

StatusOr<bool> SqliteLinkState::HasInstruction(std::uint64_t node_id, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const auto found,
                           database().Lookup("SELECT 1" FLWRCPP_READY_INSTRUCTION, {node_id, now}));
  return found.has_value();
}

Status SqliteLinkState::UndeliverInstruction(const std::string& message_id) {
  const std::lock_guard lock(file_->mutex);
  return database().Run(
      "UPDATE message SET delivered = 0 WHERE message_id = ?1 AND reply_to IS NULL "
      "AND NOT EXISTS (SELECT 1 FROM message r WHERE r.reply_to = ?1)",
      {message_id});
}

Status SqliteLinkState::ConfirmInstruction(const std::string& message_id) {
  const std::lock_guard lock(file_->mutex);
  return database().Run(
      "UPDATE message SET delivered = 1 "
      "WHERE message_id = ? AND reply_to IS NULL AND delivered = 0",
      {message_id});
}

StatusOr<std::vector<Metadata>> SqliteLinkState::DeliveredInstructions() {
  std::vector<Metadata> delivered;
  const std::lock_guard lock(file_->mutex);
  SqliteQuery row =
      database().Query("SELECT " FLWRCPP_METADATA_COLUMNS
                       " FROM message m JOIN run r ON r.run_id = m.run_id"
                       " WHERE m.reply_to IS NULL AND m.delivered = 1 AND r.finished_at = 0"
                       " AND NOT EXISTS (SELECT 1 FROM message a WHERE a.reply_to = m.message_id)",
                       {});
  while (row.Next()) delivered.push_back(ReadMetadata(row));
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return delivered;
}

Status SqliteLinkState::StoreReply(const Message& reply, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckReply(reply, now));
  const Metadata& metadata = reply.metadata();
  const std::string& instruction_id = metadata.reply_to_message_id;
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_ASSIGN_OR_RETURN(const auto instruction, FindMessageLocked(instruction_id));
  if (!instruction.has_value() || !instruction->metadata().reply_to_message_id.empty()) {
    return MakeError(StatusCode::kNotFound, "reply {}: instruction {} is unknown",
                     metadata.message_id, instruction_id);
  }
  FLWRCPP_RETURN_IF_ERROR(CheckReplyFits(metadata, instruction->metadata(), now));
  FLWRCPP_ASSIGN_OR_RETURN(const bool unfinished, IsUnfinishedLocked(metadata.run_id));
  if (!unfinished) {
    return MakeError(StatusCode::kFailedPrecondition, "reply {}: run {} is finished",
                     metadata.message_id, metadata.run_id);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const auto known, FindMessageLocked(metadata.message_id));
  if (known.has_value() && known->metadata() == metadata) return absl::OkStatus();
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto other,
      database().Lookup("SELECT 1 FROM message WHERE reply_to = ?", {instruction_id}));
  if (other.has_value()) {
    return MakeError(StatusCode::kAlreadyExists, "reply {}: instruction {} has another reply",
                     metadata.message_id, instruction_id);
  }
  if (known.has_value()) return OtherMessageKnown(metadata.message_id);
  // A node may have got an instruction although the answer that carried it was taken for lost.
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("UPDATE message SET delivered = 1 WHERE message_id = ?", {instruction_id}));
  FLWRCPP_RETURN_IF_ERROR(InsertMessageLocked(reply));
  return transaction.Commit();
}

StatusOr<ReleaseResult> SqliteLinkState::ReleaseMessages(std::span<const std::string> message_ids) {
  ReleaseResult result;
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  for (const std::string& message_id : message_ids) {
    SqliteQuery row = database().Query(
        "UPDATE message SET released = 1 WHERE message_id = ? RETURNING run_id, dst_node_id",
        {message_id});
    if (row.Next()) {
      result.released.push_back({message_id, row.Id(0), row.Id(1)});
      // The statement must come to its end to count.
      row.Next();
    } else {
      result.unknown.push_back(message_id);
    }
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return result;
}

StatusOr<std::optional<SqliteLinkState::Pending>> SqliteLinkState::FindPendingLocked(
    std::uint64_t run_id, const std::string& message_id) {
  SqliteQuery row = database().Query(
      "SELECT " FLWRCPP_METADATA_COLUMNS
      ", coalesce(n.online_until, 0), r.message_id, r.released, r.created_at + r.ttl"
      " FROM message m LEFT JOIN node n ON n.node_id = m.dst_node_id AND n.status <> 3"
      " LEFT JOIN message r ON r.reply_to = m.message_id"
      " WHERE m.message_id = ? AND m.reply_to IS NULL",
      {message_id});
  const bool found = row.Next();
  FLWRCPP_RETURN_IF_ERROR(row.status());
  if (!found) return std::optional<Pending>();
  Pending pending;
  pending.metadata = ReadMetadata(row);
  pending.online_until = row.Real(11);
  pending.reply_id = row.Text(12);
  pending.released = row.Integer(13) != 0;
  pending.reply_expires_at = row.Real(14);
  if (pending.metadata.run_id != run_id) {
    return MakeError(StatusCode::kPermissionDenied,
                     "run {} asked for replies to message {} of another run", run_id, message_id);
  }
  return std::optional(std::move(pending));
}

Status SqliteLinkState::AnswerLocked(const std::string& instruction_id, const Message& error) {
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("DELETE FROM message WHERE reply_to = ?", {instruction_id}));
  FLWRCPP_RETURN_IF_ERROR(InsertMessageLocked(error));
  return database().Run(
      "UPDATE message SET released = released OR message_id = ?1, delivered = 1 "
      "WHERE message_id IN (?1, ?2)",
      {error.metadata().message_id, instruction_id});
}

StatusOr<PulledReplies> SqliteLinkState::PullReplies(std::uint64_t run_id,
                                                     std::span<const std::string> message_ids,
                                                     double now) {
  PulledReplies pulled;
  std::unordered_set<std::string_view> seen;
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  for (const std::string& message_id : message_ids) {
    if (!seen.insert(message_id).second) continue;
    FLWRCPP_ASSIGN_OR_RETURN(const auto pending, FindPendingLocked(run_id, message_id));
    if (!pending.has_value()) {
      pulled.replies.push_back(MessageUnavailable(run_id, message_id, now));
      continue;
    }
    const bool has_reply = !pending->reply_id.empty();
    if (HasExpired(pending->metadata, now)) {
      pulled.replies.push_back(MessageUnavailable(run_id, message_id, now));
      pulled.dropped.push_back(message_id);
      if (has_reply) pulled.dropped.push_back(pending->reply_id);
      FLWRCPP_RETURN_IF_ERROR(RemoveLocked(message_id));
    } else if (pending->released && pending->reply_expires_at > now) {
      FLWRCPP_ASSIGN_OR_RETURN(auto reply, FindMessageLocked(pending->reply_id));
      if (reply.has_value()) pulled.replies.push_back(*std::move(reply));
    } else if (pending->released || pending->online_until <= now) {
      if (has_reply) pulled.dropped.push_back(pending->reply_id);
      pulled.replies.push_back(pending->released ? ReplyUnavailable(pending->metadata, now)
                                                 : NodeUnavailable(pending->metadata, now));
      FLWRCPP_RETURN_IF_ERROR(AnswerLocked(message_id, pulled.replies.back()));
    }
  }
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return pulled;
}

StatusOr<std::string> SqliteLinkState::ConfirmReply(std::uint64_t run_id,
                                                    const std::string& message_id) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const auto reply, FindMessageLocked(message_id));
  if (!reply.has_value() || reply->metadata().run_id != run_id) return std::string();
  const std::string& instruction_id = reply->metadata().reply_to_message_id;
  if (!instruction_id.empty()) FLWRCPP_RETURN_IF_ERROR(RemoveLocked(instruction_id));
  return instruction_id;
}

StatusOr<double> SqliteLinkState::NextReplyTime(std::uint64_t run_id,
                                                std::span<const std::string> message_ids,
                                                double now) {
  double next = std::numeric_limits<double>::infinity();
  const std::lock_guard lock(file_->mutex);
  for (const std::string& message_id : message_ids) {
    FLWRCPP_ASSIGN_OR_RETURN(const auto pending, FindPendingLocked(run_id, message_id));
    if (!pending.has_value() || pending->released) {
      next = std::min(next, now);
      continue;
    }
    next = std::min({next, ExpiresAt(pending->metadata), pending->online_until});
  }
  return std::max(next, now);
}

StatusOr<Metadata> SqliteLinkState::GetMessageMetadata(const std::string& message_id) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const auto message, FindMessageLocked(message_id));
  if (message.has_value()) return message->metadata();
  return MakeError(StatusCode::kNotFound, "message {} is unknown", message_id);
}

Status SqliteLinkState::DeleteMessages(std::span<const std::string> message_ids) {
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  for (const std::string& message_id : message_ids) {
    FLWRCPP_RETURN_IF_ERROR(RemoveLocked(message_id));
  }
  return transaction.Commit();
}

Status SqliteLinkState::ClearRun(std::uint64_t run_id) {
  const std::lock_guard lock(file_->mutex);
  return database().Run("DELETE FROM message WHERE run_id = ?", {run_id});
}

}  // namespace flwrcpp::internal
