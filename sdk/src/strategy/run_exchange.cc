// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/run_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <unordered_map>

#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "server/reply_deadline.h"
#include "strategy/node_sampling.h"

namespace flwrcpp::internal {
namespace {

/// Whether an error says that the node, or what it did, was lost on the way: another node may fare
/// better. One that says that the work itself failed does not.
bool IsLoss(const Error& error) {
  switch (static_cast<ErrorCode>(error.code)) {
    case ErrorCode::kMessageUnavailable:
    case ErrorCode::kReplyMessageUnavailable:
    case ErrorCode::kNodeUnavailable:
    case ErrorCode::kClientAppCrashed:
      return true;
    default:
      return false;
  }
}

}  // namespace

/// One exchange under way. It begins with as many places as messages; each is filled by a reply
/// without an error, or lost. What is out beyond the places that are left is spare.
class OpenExchange {
 public:
  OpenExchange(RunExchange& run, std::size_t places, const Grid::OnReply& on_reply)
      : run_(run),
        places_(static_cast<int>(places)),
        sending_(++run.sendings_),
        seed_(static_cast<std::uint64_t>(run.server_round_)),
        on_reply_(on_reply) {}

  /// Passes over nodes that still work, and adds spare ones.
  Status AddSpares(std::vector<Message>& messages);
  Status Run(std::vector<Message> messages, bool may_redispatch);

 private:
  using Replies = std::vector<PendingReplies::Reply>;

  /// Up to `count` nodes that are online, idle and were not asked yet.
  StatusOr<std::vector<std::uint64_t>> IdleNodes(std::size_t count);
  StatusOr<Replies> Send(std::vector<Message> messages);
  Status Handle(Replies replies);
  Status HandleError(std::uint64_t node_id, Message reply);
  Status HandOver(Message reply);
  /// Gives the place of a lost node to another one, if it may and there is one.
  Status Redispatch(std::uint64_t lost_node);

  bool is_closed() const { return received_ == places_; }
  /// Whether another place was lost: more are left than can still be filled.
  bool is_short() const { return received_ + out_ < places_; }

  /// What a place would be given to another node with.
  struct Spare {
    Message message;
    int redispatches = 0;
  };

  RunExchange& run_;
  const int places_;
  const int sending_;
  std::uint64_t seed_;
  const Grid::OnReply& on_reply_;
  const ReplyDeadline deadline_{run_.options_.timeout};
  std::set<std::uint64_t> asked_;
  std::unordered_map<std::uint64_t, Spare> spares_;  ///< By the node that has the place.
  int received_ = 0;                                 ///< Handed over.
  int out_ = 0;                                      ///< Sent and not handled.
};

StatusOr<std::vector<std::uint64_t>> OpenExchange::IdleNodes(std::size_t count) {
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<std::uint64_t> ids, run_.grid_.GetNodeIds());
  std::erase_if(ids, [this](auto id) { return asked_.contains(id) || run_.pending_.IsBusy(id); });
  return Sample(std::move(ids), count, ++seed_);
}

Status OpenExchange::AddSpares(std::vector<Message>& messages) {
  if (run_.pending_.size() > 0) {  // who has answered meanwhile is idle
    FLWRCPP_ASSIGN_OR_RETURN(Replies late, run_.pending_.Receive(std::chrono::seconds(0)));
    FLWRCPP_RETURN_IF_ERROR(Handle(std::move(late)));
  }
  std::vector<std::size_t> busy;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::uint64_t node_id = messages[i].metadata().dst_node_id;
    asked_.insert(node_id);
    seed_ = seed_ * 6364136223846793005U + node_id;
    if (run_.pending_.IsBusy(node_id)) busy.push_back(i);
  }
  // Without the margin 10 nodes and 0.1 of them more would be 12 by rounding.
  const double more =
      std::ceil(static_cast<double>(messages.size()) * run_.options_.over_selection - 1e-9);
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> idle,
                           IdleNodes(busy.size() + static_cast<std::size_t>(more)));
  auto next = idle.begin();
  for (auto place = busy.begin(); place != busy.end() && next != idle.end(); ++place, ++next) {
    messages[*place].metadata().dst_node_id = *next;
  }
  const std::size_t places = messages.size();
  for (std::size_t i = 0; next != idle.end(); ++i, ++next) {
    messages.push_back(messages[i % places]);
    messages.back().metadata().dst_node_id = *next;
  }
  if (messages.size() > places) {
    Log(LogLevel::kInfo, "{}: {} more nodes are asked", run_.phase_, messages.size() - places);
  }
  return absl::OkStatus();
}

Status OpenExchange::Run(std::vector<Message> messages, bool may_redispatch) {
  if (may_redispatch) {
    for (const Message& message : messages) {
      spares_[message.metadata().dst_node_id] = {message, run_.options_.max_redispatches};
    }
  }
  FLWRCPP_ASSIGN_OR_RETURN(Replies refused, Send(std::move(messages)));
  FLWRCPP_RETURN_IF_ERROR(Handle(std::move(refused)));
  while (!is_closed()) {
    if (run_.options_.stop.stop_requested()) {
      return MakeError(StatusCode::kCancelled, "stopped while {} replies were awaited",
                       places_ - received_);
    }
    const bool last = deadline_.has_passed();
    FLWRCPP_ASSIGN_OR_RETURN(Replies replies, run_.pending_.Receive(deadline_.NextWait()));
    if (replies.empty() && last) {
      Log(LogLevel::kWarning, "{}: {} of {} nodes did not answer in time", run_.phase_,
          places_ - received_, places_);
      return absl::OkStatus();
    }
    FLWRCPP_RETURN_IF_ERROR(Handle(std::move(replies)));
  }
  if (out_ > 0) {
    Log(LogLevel::kInfo, "{}: closed after {} replies; {} nodes still work", run_.phase_, received_,
        out_);
  }
  return absl::OkStatus();
}

StatusOr<OpenExchange::Replies> OpenExchange::Send(std::vector<Message> messages) {
  out_ += static_cast<int>(messages.size());
  for (const Message& message : messages) asked_.insert(message.metadata().dst_node_id);
  return run_.pending_.Send(std::move(messages), sending_);
}

Status OpenExchange::Handle(Replies replies) {
  for (PendingReplies::Reply& reply : replies) {
    // Moved out at once: the next reply may be as large.
    Message message = std::exchange(reply.message, Message());
    const bool ours = reply.sending == sending_;
    if (ours) --out_;
    if (!ours || is_closed()) {
      if (!message.has_error()) ++run_.late_;
    } else if (message.has_error()) {
      FLWRCPP_RETURN_IF_ERROR(HandleError(reply.node_id, std::move(message)));
    } else {
      FLWRCPP_RETURN_IF_ERROR(HandOver(std::move(message)));
    }
  }
  return absl::OkStatus();
}

Status OpenExchange::HandleError(std::uint64_t node_id, Message reply) {
  if (is_short() && IsLoss(reply.error())) FLWRCPP_RETURN_IF_ERROR(Redispatch(node_id));
  if (is_short()) return HandOver(std::move(reply));
  run_.replaced_.emplace_back(
      node_id,
      fmt::format("node {}: error {} ({}): {}; its place was given to another node", node_id,
                  reply.error().code, ErrorCodeName(reply.error().code), reply.error().reason));
  return absl::OkStatus();
}

Status OpenExchange::HandOver(Message reply) {
  ++received_;
  FLWRCPP_RETURN_IF_ERROR(on_reply_(std::move(reply)));
  return run_.ReportProgress(received_, places_);
}

Status OpenExchange::Redispatch(std::uint64_t lost_node) {
  auto found = spares_.find(lost_node);
  if (found == spares_.end()) return absl::OkStatus();
  Spare spare = std::move(found->second);
  spares_.erase(found);
  while (spare.redispatches-- > 0) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> idle, IdleNodes(1));
    if (idle.empty()) return absl::OkStatus();
    Log(LogLevel::kInfo, "{}: node {} is lost, node {} takes its place", run_.phase_, lost_node,
        idle[0]);
    spare.message.metadata().dst_node_id = idle[0];
    FLWRCPP_ASSIGN_OR_RETURN(const Replies refused, Send({spare.message}));
    if (refused.empty()) {
      spares_[idle[0]] = std::move(spare);
      return absl::OkStatus();
    }
    --out_;  // the node has gone since: the next one
  }
  return absl::OkStatus();
}

void RunExchange::BeginPhase(std::string_view phase, int server_round) {
  phase_ = phase;
  server_round_ = server_round;
  sampled_.reset();
  watch_ = Stopwatch();
  late_ = 0;
  replaced_.clear();
}

Status RunExchange::SendAndReceive(std::vector<Message> messages, const Grid::OnReply& on_reply) {
  return Run(std::move(messages), false, on_reply);
}

Status RunExchange::FillPlaces(std::vector<Message> messages, const Grid::OnReply& on_reply) {
  return Run(std::move(messages), true, on_reply);
}

Status RunExchange::Run(std::vector<Message> messages, bool fill_places,
                        const Grid::OnReply& on_reply) {
  if (!sampled_.has_value()) {
    sampled_ = static_cast<int>(messages.size());
    watch_ = Stopwatch();  // the time that nodes were waited for does not count
  }
  if (messages.empty()) return absl::OkStatus();
  OpenExchange exchange(*this, messages.size(), on_reply);
  if (fill_places && options_.over_selection > 0) {
    FLWRCPP_RETURN_IF_ERROR(exchange.AddSpares(messages));
  }
  return exchange.Run(std::move(messages), fill_places && options_.max_redispatches > 0);
}

Status RunExchange::ReportProgress(int received, int expected) const {
  if (!options_.on_reply) return absl::OkStatus();
  return CatchExceptions("on_reply", [&] { options_.on_reply(phase_, received, expected); });
}

void RunExchange::Complete(AggregateResult& result) {
  result.num_late += std::exchange(late_, 0);
  std::move(replaced_.begin(), replaced_.end(), std::back_inserter(result.failures));
  replaced_.clear();
}

}  // namespace flwrcpp::internal
