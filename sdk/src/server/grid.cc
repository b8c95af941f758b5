// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// Longest wait for replies before a stop is noticed.
constexpr Seconds kWaitSlice = std::chrono::milliseconds(250);

/// The instructions that have no reply yet.
class Outstanding {
 public:
  void Add(const std::string& message_id, std::uint64_t node_id) {
    if (places_.emplace(message_id, ids_.size()).second) {
      ids_.push_back(message_id);
      nodes_.push_back(node_id);
    }
  }

  /// Strikes out an instruction.
  /// @return its node; none when no reply to it is awaited.
  std::optional<std::uint64_t> Take(const std::string& message_id) {
    const auto found = places_.find(message_id);
    if (found == places_.end()) return std::nullopt;
    const std::size_t place = found->second;
    places_.erase(found);
    const std::uint64_t node_id = nodes_[place];
    if (place + 1 < ids_.size()) {
      ids_[place] = std::move(ids_.back());
      nodes_[place] = nodes_.back();
      places_[ids_[place]] = place;
    }
    ids_.pop_back();
    nodes_.pop_back();
    return node_id;
  }

  bool empty() const { return ids_.empty(); }
  std::span<const std::string> ids() const { return ids_; }

 private:
  std::vector<std::string> ids_;
  std::vector<std::uint64_t> nodes_;
  std::unordered_map<std::string, std::size_t> places_;
};

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

/// What is left of the time, at most a slice.
Seconds NextWait(std::optional<Clock::time_point> deadline) {
  if (!deadline.has_value()) return kWaitSlice;
  return std::clamp(Seconds(*deadline - Clock::now()), Seconds(0), kWaitSlice);
}

}  // namespace

Status Grid::SendAndReceive(std::vector<Message> messages,
                            std::optional<std::chrono::duration<double>> timeout,
                            const OnReply& on_reply, std::stop_token stop) {
  if (messages.empty()) return absl::OkStatus();
  std::optional<Clock::time_point> deadline;
  if (timeout.has_value()) {
    deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(*timeout);
  }
  std::vector<Metadata> sent;
  sent.reserve(messages.size());
  for (const Message& message : messages) sent.push_back(message.metadata());
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::string> ids, PushMessages(std::move(messages)));
  if (ids.size() != sent.size()) {
    return internal::MakeError(StatusCode::kInternal, "{} messages were pushed, {} ids came back",
                               sent.size(), ids.size());
  }
  Outstanding outstanding;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].empty()) {
      FLWRCPP_RETURN_IF_ERROR(on_reply(RefusedReply(sent[i])));
    } else {
      outstanding.Add(ids[i], sent[i].dst_node_id);
    }
  }
  while (!outstanding.empty()) {
    if (stop.stop_requested()) {
      return internal::MakeError(StatusCode::kCancelled, "stopped while {} replies were awaited",
                                 outstanding.ids().size());
    }
    const bool last = deadline.has_value() && Clock::now() >= *deadline;
    FLWRCPP_ASSIGN_OR_RETURN(std::vector<Message> replies,
                             PullMessages(outstanding.ids(), NextWait(deadline)));
    if (replies.empty() && last) break;
    for (Message& reply : replies) {
      const std::optional<std::uint64_t> node_id =
          outstanding.Take(reply.metadata().reply_to_message_id);
      if (!node_id.has_value()) continue;
      if (reply.has_error()) reply.metadata().src_node_id = *node_id;
      FLWRCPP_RETURN_IF_ERROR(on_reply(std::move(reply)));
      reply = Message();  // whatever on_reply left: the next reply may be as large
    }
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp
