// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/pending_replies.h"

#include <fmt/format.h>

#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

Message RefusedReply(const Metadata& instruction) {
  Metadata metadata = instruction;
  std::swap(metadata.src_node_id, metadata.dst_node_id);
  metadata.reply_to_message_id = "";
  metadata.created_at = UnixSeconds();
  return {std::move(metadata),
          Error{static_cast<std::int64_t>(ErrorCode::kNodeUnavailable),
                fmt::format("the SuperLink refused the message: node {} is unknown",
                            instruction.dst_node_id)}};
}

template <typename Key>
void CountDown(std::unordered_map<Key, std::size_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  if (--found->second == 0) counts.erase(found);
}

}  // namespace

StatusOr<std::vector<PendingReplies::Reply>> PendingReplies::Send(std::vector<Message> messages,
                                                                  int sending) {
  std::vector<Reply> refused;
  if (messages.empty()) return refused;
  std::vector<Metadata> sent;
  sent.reserve(messages.size());
  for (const Message& message : messages) sent.push_back(message.metadata());
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                           grid_.PushMessages(std::move(messages)));
  if (ids.size() != sent.size()) {
    return MakeError(StatusCode::kInternal, "{} messages were pushed, {} ids came back",
                     sent.size(), ids.size());
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::uint64_t node_id = sent[i].dst_node_id;
    if (ids[i].empty()) {
      refused.push_back({node_id, sending, RefusedReply(sent[i])});
    } else {
      Add(ids[i], {node_id, sending});
    }
  }
  return refused;
}

StatusOr<std::vector<PendingReplies::Reply>> PendingReplies::Receive(
    std::chrono::duration<double> timeout) {
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<Message> messages, grid_.PullMessages(ids_, timeout));
  std::vector<Reply> replies;
  replies.reserve(messages.size());
  for (Message& message : messages) {
    const auto found = places_.find(message.metadata().reply_to_message_id);
    if (found == places_.end()) continue;
    const Instruction& instruction = instructions_[found->second];
    if (message.has_error()) message.metadata().src_node_id = instruction.node_id;
    replies.push_back({instruction.node_id, instruction.sending, std::move(message)});
    RemoveAt(found->second);
  }
  return replies;
}

std::size_t PendingReplies::SizeOf(int sending) const {
  const auto found = of_sending_.find(sending);
  return found == of_sending_.end() ? 0 : found->second;
}

void PendingReplies::Add(const std::string& message_id, const Instruction& instruction) {
  if (!places_.emplace(message_id, ids_.size()).second) return;
  ids_.push_back(message_id);
  instructions_.push_back(instruction);
  ++of_sending_[instruction.sending];
  ++of_node_[instruction.node_id];
}

void PendingReplies::RemoveAt(std::size_t place) {
  CountDown(of_sending_, instructions_[place].sending);
  CountDown(of_node_, instructions_[place].node_id);
  places_.erase(ids_[place]);
  if (place + 1 < ids_.size()) {
    ids_[place] = std::move(ids_.back());
    instructions_[place] = instructions_.back();
    places_[ids_[place]] = place;
  }
  ids_.pop_back();
  instructions_.pop_back();
}

}  // namespace flwrcpp::internal
