// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/instructions.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

/// Difference between times of messages, which makes messages to the same node differ.
constexpr double kStampStep = 1e-6;

Message StubOf(const Message& message) {
  if (message.has_error()) return {message.metadata(), message.error()};
  return {message.metadata(), RecordDict()};
}

}  // namespace

InstructionMaker::InstructionMaker(std::uint64_t run_id, std::uint64_t task_id,
                                   std::function<double()> clock)
    : run_id_(run_id), task_id_(task_id), clock_(std::move(clock)) {}

std::vector<InstructionMaker::Instruction> InstructionMaker::Make(std::vector<Message> messages) {
  std::unordered_map<const RecordDict*, std::shared_ptr<const DeflatedContent>> contents;
  std::vector<Instruction> instructions;
  instructions.reserve(messages.size());
  for (Message& message : messages) {
    Stamp(message.metadata());
    std::shared_ptr<const DeflatedContent> content;
    if (!message.has_error()) {
      auto& known = contents[message.shared_content().get()];
      if (known == nullptr) {
        known = std::make_shared<const DeflatedContent>(Deflate(message.content()));
      }
      content = known;
    }
    DeflatedMessage deflated = Deflate(message, std::move(content));
    message.metadata().message_id = deflated.root.id;
    instructions.push_back({StubOf(message), std::move(deflated)});
  }
  return instructions;
}

void InstructionMaker::Stamp(Metadata& metadata) {
  metadata.run_id = run_id_;
  metadata.src_node_id = kSuperLinkNodeId;
  metadata.src_task_id = task_id_;
  metadata.message_id.clear();
  const std::lock_guard lock(mutex_);
  last_stamp_ = std::max(clock_(), last_stamp_ + kStampStep);
  metadata.created_at = last_stamp_;
}

Message UnreadableReply(const Metadata& metadata, const Status& status) {
  Log(LogLevel::kWarning, "reply {} of node {}: {}", metadata.message_id, metadata.src_node_id,
      std::string(status.message()));
  return {metadata, Error{static_cast<std::int64_t>(ErrorCode::kMessageUnavailable),
                          fmt::format("the reply of node {} cannot be read: {}",
                                      metadata.src_node_id, std::string(status.message()))}};
}

}  // namespace flwrcpp::internal
