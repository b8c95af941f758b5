// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/message.h"

#include <chrono>
#include <utility>

namespace flwrcpp {
namespace {

Metadata ReplyMetadata(const Metadata& instruction, double now) {
  Metadata reply;
  reply.run_id = instruction.run_id;
  reply.src_node_id = instruction.dst_node_id;
  reply.dst_node_id = instruction.src_node_id;
  reply.reply_to_message_id = instruction.message_id;
  reply.group_id = instruction.group_id;
  reply.created_at = now;
  // The SuperLink refuses a reply that would outlive its instruction.
  reply.ttl = instruction.created_at + instruction.ttl - now;
  reply.message_type = instruction.message_type;
  reply.src_task_id = instruction.dst_task_id;
  reply.dst_task_id = instruction.src_task_id;
  return reply;
}

bool IsIdentifier(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  for (const char c : text) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
    if (!word) return false;
  }
  return true;
}

}  // namespace

std::string_view ErrorCodeName(std::int64_t code) {
  switch (static_cast<ErrorCode>(code)) {
    case ErrorCode::kUnknown:
      return "UNKNOWN";
    case ErrorCode::kLoadClientAppException:
      return "LOAD_CLIENT_APP_EXCEPTION";
    case ErrorCode::kClientAppRaisedException:
      return "CLIENT_APP_RAISED_EXCEPTION";
    case ErrorCode::kMessageUnavailable:
      return "MESSAGE_UNAVAILABLE";
    case ErrorCode::kReplyMessageUnavailable:
      return "REPLY_MESSAGE_UNAVAILABLE";
    case ErrorCode::kNodeUnavailable:
      return "NODE_UNAVAILABLE";
    case ErrorCode::kModFailedPrecondition:
      return "MOD_FAILED_PRECONDITION";
    case ErrorCode::kInvalidFab:
      return "INVALID_FAB";
    case ErrorCode::kClientAppCrashed:
      return "CLIENT_APP_CRASHED";
  }
  return "UNKNOWN";
}

Message::Message(Metadata metadata, RecordDict content)
    : Message(std::move(metadata), std::make_shared<const RecordDict>(std::move(content))) {}

Message::Message(Metadata metadata, std::shared_ptr<const RecordDict> content)
    : metadata_(std::move(metadata)), content_(std::move(content)) {}

Message::Message(Metadata metadata, Error error)
    : metadata_(std::move(metadata)), error_(std::move(error)) {}

Message Message::Instruction(std::shared_ptr<const RecordDict> content, std::uint64_t dst_node_id,
                             std::string message_type, double ttl_seconds, std::string group_id) {
  Metadata metadata;
  metadata.src_node_id = kSuperLinkNodeId;
  metadata.dst_node_id = dst_node_id;
  metadata.group_id = std::move(group_id);
  metadata.ttl = ttl_seconds;
  metadata.message_type = std::move(message_type);
  return {std::move(metadata), std::move(content)};
}

Message Message::ReplyTo(const Message& instruction, RecordDict content, double now) {
  return {ReplyMetadata(instruction.metadata(), now), std::move(content)};
}

Message Message::ReplyTo(const Message& instruction, RecordDict content) {
  return ReplyTo(instruction, std::move(content), UnixSeconds());
}

Message Message::ErrorReplyTo(const Message& instruction, Error error, double now) {
  return {ReplyMetadata(instruction.metadata(), now), std::move(error)};
}

Message Message::ErrorReplyTo(const Message& instruction, Error error) {
  return ErrorReplyTo(instruction, std::move(error), UnixSeconds());
}

const RecordDict& Message::content() const {
  static const RecordDict kEmpty;
  return content_ == nullptr ? kEmpty : *content_;
}

const Error& Message::error() const {
  static const Error kNone;
  return error_.has_value() ? *error_ : kNone;
}

double UnixSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool IsValidMessageType(std::string_view type) {
  if (type == message_type::kGetParameters || type == message_type::kGetProperties ||
      type == message_type::kReconnect) {
    return true;
  }
  const std::size_t dot = type.find('.');
  const std::string_view base = type.substr(0, dot);
  if (base != message_type::kTrain && base != message_type::kEvaluate &&
      base != message_type::kQuery && base != message_type::kSystem) {
    return false;
  }
  return dot == std::string_view::npos || IsIdentifier(type.substr(dot + 1));
}

}  // namespace flwrcpp
