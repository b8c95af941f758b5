// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/state/memory_link_state.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {

void MemoryLinkState::EnqueueLocked(const Instruction& instruction) {
  const Metadata& metadata = instruction.message.metadata();
  queues_[metadata.dst_node_id].emplace(instruction.sequence, metadata.message_id);
}

void MemoryLinkState::DequeueLocked(const Instruction& instruction) {
  const auto queue = queues_.find(instruction.message.metadata().dst_node_id);
  if (queue == queues_.end()) return;
  queue->second.erase(instruction.sequence);
  if (queue->second.empty()) queues_.erase(queue);
}

MemoryLinkState::Instruction* MemoryLinkState::FrontLocked(std::uint64_t node_id, double now) {
  const auto queue = queues_.find(node_id);
  if (queue == queues_.end()) return nullptr;
  while (!queue->second.empty()) {
    Instruction& instruction = instructions_.at(queue->second.begin()->second);
    const Metadata& metadata = instruction.message.metadata();
    if (!HasExpired(metadata, now) && IsUnfinishedLocked(metadata.run_id)) return &instruction;
    // The instruction itself stays: it is for the ServerApp's next pull to hear of it.
    queue->second.erase(queue->second.begin());
  }
  queues_.erase(queue);
  return nullptr;
}

bool MemoryLinkState::IsGoneLocked(const Instruction& instruction, double now) const {
  const auto node = nodes_.find(instruction.message.metadata().dst_node_id);
  return node == nodes_.end() || node->second.status == NodeStatus::kUnregistered ||
         node->second.online_until <= now;
}

void MemoryLinkState::RemoveLocked(Instructions::iterator instruction) {
  DequeueLocked(instruction->second);
  if (!instruction->second.reply_id.empty()) replies_.erase(instruction->second.reply_id);
  const auto of_run = instructions_of_run_.find(instruction->second.message.metadata().run_id);
  if (of_run != instructions_of_run_.end()) {
    of_run->second.erase(instruction->first);
    if (of_run->second.empty()) instructions_of_run_.erase(of_run);
  }
  instructions_.erase(instruction);
}

StatusOr<std::vector<std::string>> MemoryLinkState::StoreInstructions(
    std::span<const Message> messages, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckInstructions(messages, now));
  const std::lock_guard lock(mutex_);
  for (const Message& message : messages) {
    const Metadata& metadata = message.metadata();
    const auto stored = instructions_.find(metadata.message_id);
    if (replies_.contains(metadata.message_id) ||
        (stored != instructions_.end() && stored->second.message.metadata() != metadata)) {
      return OtherMessageKnown(metadata.message_id);
    }
  }
  std::vector<std::string> ids;
  ids.reserve(messages.size());
  for (const Message& message : messages) {
    const Metadata& metadata = message.metadata();
    const NodeInfo* const node = FindNodeLocked(metadata.dst_node_id, now);
    if (node == nullptr || node->status == NodeStatus::kRegistered ||
        !IsUnfinishedLocked(metadata.run_id)) {
      ids.emplace_back();
      continue;
    }
    ids.push_back(metadata.message_id);
    if (instructions_.contains(metadata.message_id)) continue;
    Instruction& instruction = instructions_[metadata.message_id];
    instruction.message = StubOf(message);
    instruction.sequence = next_sequence_++;
    instructions_of_run_[metadata.run_id].insert(metadata.message_id);
  }
  return ids;
}

StatusOr<std::optional<Message>> MemoryLinkState::NextInstruction(std::uint64_t node_id,
                                                                  double now) {
  const std::lock_guard lock(mutex_);
  Instruction* const instruction = FrontLocked(node_id, now);
  if (instruction == nullptr) return std::optional<Message>();
  instruction->delivered = true;
  DequeueLocked(*instruction);
  return std::optional<Message>(instruction->message);
}

StatusOr<bool> MemoryLinkState::HasInstruction(std::uint64_t node_id, double now) {
  const std::lock_guard lock(mutex_);
  return FrontLocked(node_id, now) != nullptr;
}

Status MemoryLinkState::UndeliverInstruction(const std::string& message_id) {
  const std::lock_guard lock(mutex_);
  const auto found = instructions_.find(message_id);
  if (found == instructions_.end()) return absl::OkStatus();
  Instruction& instruction = found->second;
  if (!instruction.delivered || !instruction.reply_id.empty()) return absl::OkStatus();
  instruction.delivered = false;
  EnqueueLocked(instruction);
  return absl::OkStatus();
}

Status MemoryLinkState::ConfirmInstruction(const std::string& message_id) {
  const std::lock_guard lock(mutex_);
  const auto found = instructions_.find(message_id);
  if (found == instructions_.end()) return absl::OkStatus();
  found->second.delivered = true;
  DequeueLocked(found->second);
  return absl::OkStatus();
}

StatusOr<std::vector<Metadata>> MemoryLinkState::DeliveredInstructions() {
  std::vector<Metadata> delivered;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, instruction] : instructions_) {
    const Metadata& metadata = instruction.message.metadata();
    if (instruction.delivered && instruction.reply_id.empty() &&
        IsUnfinishedLocked(metadata.run_id)) {
      delivered.push_back(metadata);
    }
  }
  return delivered;
}

Status MemoryLinkState::StoreReply(const Message& reply, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckReply(reply, now));
  const Metadata& metadata = reply.metadata();
  const std::lock_guard lock(mutex_);
  const auto found = instructions_.find(metadata.reply_to_message_id);
  if (found == instructions_.end()) {
    return MakeError(StatusCode::kNotFound, "reply {}: instruction {} is unknown",
                     metadata.message_id, metadata.reply_to_message_id);
  }
  Instruction& instruction = found->second;
  FLWRCPP_RETURN_IF_ERROR(CheckReplyFits(metadata, instruction.message.metadata(), now));
  if (!IsUnfinishedLocked(metadata.run_id)) {
    return MakeError(StatusCode::kFailedPrecondition, "reply {}: run {} is finished",
                     metadata.message_id, metadata.run_id);
  }
  if (!instruction.reply_id.empty()) {
    if (replies_.at(instruction.reply_id).message.metadata() == metadata) return absl::OkStatus();
    return MakeError(StatusCode::kAlreadyExists, "reply {}: instruction {} has the reply {}",
                     metadata.message_id, metadata.reply_to_message_id, instruction.reply_id);
  }
  if (instructions_.contains(metadata.message_id) || replies_.contains(metadata.message_id)) {
    return OtherMessageKnown(metadata.message_id);
  }
  // A node may have got an instruction although the answer that carried it was taken for lost.
  instruction.delivered = true;
  DequeueLocked(instruction);
  instruction.reply_id = metadata.message_id;
  replies_[metadata.message_id].message = StubOf(reply);
  return absl::OkStatus();
}

StatusOr<ReleaseResult> MemoryLinkState::ReleaseMessages(std::span<const std::string> message_ids) {
  ReleaseResult result;
  const std::lock_guard lock(mutex_);
  for (const std::string& message_id : message_ids) {
    const Metadata* metadata = nullptr;
    if (const auto found = instructions_.find(message_id); found != instructions_.end()) {
      Instruction& instruction = found->second;
      metadata = &instruction.message.metadata();
      if (!instruction.released && !instruction.delivered) EnqueueLocked(instruction);
      instruction.released = true;
    } else if (const auto reply = replies_.find(message_id); reply != replies_.end()) {
      metadata = &reply->second.message.metadata();
      reply->second.released = true;
    }
    if (metadata == nullptr) {
      result.unknown.push_back(message_id);
    } else {
      result.released.push_back({message_id, metadata->run_id, metadata->dst_node_id});
    }
  }
  return result;
}

Status MemoryLinkState::CheckRunOfLocked(std::uint64_t run_id,
                                         std::span<const std::string> message_ids) const {
  for (const std::string& message_id : message_ids) {
    const auto found = instructions_.find(message_id);
    if (found == instructions_.end()) continue;
    const std::uint64_t owner = found->second.message.metadata().run_id;
    if (owner != run_id) {
      return MakeError(StatusCode::kPermissionDenied,
                       "run {} asked for replies to message {} of another run", run_id, message_id);
    }
  }
  return absl::OkStatus();
}

void MemoryLinkState::AnswerLocked(Instruction& instruction, const Message& error) {
  DequeueLocked(instruction);
  instruction.delivered = true;
  replies_.erase(instruction.reply_id);
  instruction.reply_id = error.metadata().message_id;
  replies_[instruction.reply_id] = {error, true};
}

StatusOr<PulledReplies> MemoryLinkState::PullReplies(std::uint64_t run_id,
                                                     std::span<const std::string> message_ids,
                                                     double now) {
  PulledReplies pulled;
  std::unordered_set<std::string_view> seen;
  const std::lock_guard lock(mutex_);
  FLWRCPP_RETURN_IF_ERROR(CheckRunOfLocked(run_id, message_ids));
  for (const std::string& message_id : message_ids) {
    if (!seen.insert(message_id).second) continue;
    const auto found = instructions_.find(message_id);
    if (found == instructions_.end()) {
      pulled.replies.push_back(MessageUnavailable(run_id, message_id, now));
      continue;
    }
    Instruction& instruction = found->second;
    const Metadata& metadata = instruction.message.metadata();
    const auto reply = replies_.find(instruction.reply_id);
    const bool released = reply != replies_.end() && reply->second.released;
    if (HasExpired(metadata, now)) {
      pulled.replies.push_back(MessageUnavailable(run_id, message_id, now));
      pulled.dropped.push_back(message_id);
      if (reply != replies_.end()) pulled.dropped.push_back(instruction.reply_id);
      RemoveLocked(found);
    } else if (released && !HasExpired(reply->second.message.metadata(), now)) {
      pulled.replies.push_back(reply->second.message);
    } else if (released || IsGoneLocked(instruction, now)) {
      if (reply != replies_.end()) pulled.dropped.push_back(instruction.reply_id);
      pulled.replies.push_back(released ? ReplyUnavailable(metadata, now)
                                        : NodeUnavailable(metadata, now));
      AnswerLocked(instruction, pulled.replies.back());
    }
  }
  return pulled;
}

StatusOr<std::string> MemoryLinkState::ConfirmReply(std::uint64_t run_id,
                                                    const std::string& message_id) {
  const std::lock_guard lock(mutex_);
  const auto reply = replies_.find(message_id);
  if (reply == replies_.end()) return std::string();
  const Metadata& metadata = reply->second.message.metadata();
  if (metadata.run_id != run_id) return std::string();
  std::string instruction_id = metadata.reply_to_message_id;
  RemoveLocked(instructions_.find(instruction_id));
  return instruction_id;
}

StatusOr<double> MemoryLinkState::NextReplyTime(std::uint64_t run_id,
                                                std::span<const std::string> message_ids,
                                                double now) {
  double next = std::numeric_limits<double>::infinity();
  const std::lock_guard lock(mutex_);
  FLWRCPP_RETURN_IF_ERROR(CheckRunOfLocked(run_id, message_ids));
  for (const std::string& message_id : message_ids) {
    const auto found = instructions_.find(message_id);
    if (found == instructions_.end()) return now;
    const Instruction& instruction = found->second;
    const auto reply = replies_.find(instruction.reply_id);
    if (reply != replies_.end() && reply->second.released) return now;
    if (IsGoneLocked(instruction, now)) return now;
    const Metadata& metadata = instruction.message.metadata();
    next = std::min({next, ExpiresAt(metadata), nodes_.at(metadata.dst_node_id).online_until});
  }
  return next;
}

StatusOr<Metadata> MemoryLinkState::GetMessageMetadata(const std::string& message_id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = instructions_.find(message_id); found != instructions_.end()) {
    return found->second.message.metadata();
  }
  if (const auto found = replies_.find(message_id); found != replies_.end()) {
    return found->second.message.metadata();
  }
  return MakeError(StatusCode::kNotFound, "message {} is unknown", message_id);
}

Status MemoryLinkState::DeleteMessages(std::span<const std::string> message_ids) {
  const std::lock_guard lock(mutex_);
  for (const std::string& message_id : message_ids) {
    if (const auto found = instructions_.find(message_id); found != instructions_.end()) {
      RemoveLocked(found);
    } else if (const auto reply = replies_.find(message_id); reply != replies_.end()) {
      const std::string& instruction_id = reply->second.message.metadata().reply_to_message_id;
      instructions_.at(instruction_id).reply_id.clear();
      replies_.erase(reply);
    }
  }
  return absl::OkStatus();
}

Status MemoryLinkState::ClearRun(std::uint64_t run_id) {
  const std::lock_guard lock(mutex_);
  const auto of_run = instructions_of_run_.find(run_id);
  if (of_run == instructions_of_run_.end()) return absl::OkStatus();
  const std::vector<std::string> ids(of_run->second.begin(), of_run->second.end());
  for (const std::string& message_id : ids) RemoveLocked(instructions_.find(message_id));
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
