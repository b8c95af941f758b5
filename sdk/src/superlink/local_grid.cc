// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/local_grid.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/object.h"

namespace flwrcpp::internal {
namespace {

using std::chrono::steady_clock;

/// Replies are handed out together until they have this many bytes. The others wait in the object
/// store, so that the strategy has few large ones in its hands.
constexpr std::size_t kReplyBatchBytes = std::size_t{1} << 20;

/// Least time between two looks at what only time can change.
constexpr std::chrono::milliseconds kShortestWait{1};
/// Longest single wait, so that clocks that are set meanwhile do no harm.
constexpr std::chrono::hours kLongestWait{1};

}  // namespace

LocalGrid::LocalGrid(const std::shared_ptr<const State>& state, std::shared_ptr<Notifier> notifier,
                     const RunInfo& run, std::function<double()> clock)
    : state_(state),
      notifier_(std::move(notifier)),
      run_id_(run.run_id),
      clock_(std::move(clock)),
      instructions_(run.run_id, run.primary_task_id, clock_) {
  replies_ = notifier_->Subscribe({Topic::kReplies, run_id_}, [this] {
    const std::lock_guard lock(mutex_);
    ++reply_events_;
    changed_.notify_all();
  });
  nodes_ = notifier_->Subscribe({Topic::kNodes, 0}, [this] {
    const std::lock_guard lock(mutex_);
    ++node_events_;
    changed_.notify_all();
  });
}

StatusOr<std::vector<std::uint64_t>> LocalGrid::GetNodeIds() {
  FLWRCPP_ASSIGN_OR_RETURN(const std::shared_ptr<const State> state, Open());
  {
    // Before looking, so that what happens during the look is not missed.
    const std::lock_guard lock(mutex_);
    node_events_seen_ = node_events_;
  }
  return state->link_state->OnlineNodes(clock_());
}

void LocalGrid::WaitForNodes(std::chrono::duration<double> timeout) {
  const TimePoint limit =
      steady_clock::now() +
      std::chrono::duration_cast<steady_clock::duration>(std::clamp(
          timeout, std::chrono::duration<double>(0), std::chrono::duration<double>(kLongestWait)));
  // A node that falls silent is no event: it is offline when its time is up.
  double next = std::numeric_limits<double>::infinity();
  if (const auto state = state_.lock()) {
    NodeFilter filter;
    filter.statuses = {NodeStatus::kOnline};
    const StatusOr<std::vector<NodeInfo>> online = state->link_state->ListNodes(filter, clock_());
    if (online.ok()) {
      for (const NodeInfo& node : *online) next = std::min(next, node.online_until);
    }
  }
  const TimePoint until = MomentOf(next, limit);
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return closed_ || node_events_ != node_events_seen_; });
}

StatusOr<std::vector<std::string>> LocalGrid::PushMessages(std::vector<Message> messages) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::shared_ptr<const State> state, Open());

  const std::vector<InstructionMaker::Instruction> instructions =
      instructions_.Make(std::move(messages));
  std::vector<Message> stubs;
  stubs.reserve(instructions.size());
  for (const auto& instruction : instructions) stubs.push_back(instruction.stub);

  FLWRCPP_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                           state->link_state->StoreInstructions(stubs, clock_()));

  // The messages are held until all trees are stored: a node that confirms one of them early would
  // else take content away that the next one shares.
  std::vector<std::string> stored;
  std::unordered_map<const DeflatedContent*, bool> content_stored;
  Status status;
  for (std::size_t i = 0; i < instructions.size() && status.ok(); ++i) {
    if (ids[i].empty()) continue;
    std::vector<Object> objects;
    const DeflatedMessage& deflated = instructions[i].deflated;
    const DeflatedContent* content = deflated.content.get();
    if (content != nullptr && !std::exchange(content_stored[content], true)) {
      objects = content->objects;
    }
    objects.push_back(deflated.root);
    status = state->object_store->StoreTree(run_id_, deflated.tree, objects);
    if (status.ok()) stored.push_back(ids[i]);
  }
  StatusOr<ReleaseResult> released;
  if (status.ok()) {
    released = state->link_state->ReleaseMessages(stored);
    status = released.status();
  }
  if (!status.ok()) {
    const Status deleted = state->link_state->DeleteMessages(ids);
    if (!deleted.ok()) {
      Log(LogLevel::kError, "messages of run {} are left behind: {}", run_id_,
          std::string(deleted.message()));
    }
    for (const std::string& id : stored) Forget(*state, id);
    return status;
  }
  for (const std::string& id : released->unknown) Forget(*state, id);
  for (const ReleasedMessage& message : released->released) {
    notifier_->Notify({Topic::kInstructions, message.dst_node_id});
  }
  return ids;
}

StatusOr<std::vector<Message>> LocalGrid::PullMessages(std::span<const std::string> message_ids,
                                                       std::chrono::duration<double> timeout) {
  const TimePoint deadline =
      steady_clock::now() +
      std::chrono::duration_cast<steady_clock::duration>(std::clamp(
          timeout, std::chrono::duration<double>(0), std::chrono::duration<double>(kLongestWait)));
  while (true) {
    std::uint64_t seen = 0;
    std::uint64_t nodes_seen = 0;
    {
      const std::lock_guard lock(mutex_);
      seen = reply_events_;
      nodes_seen = node_events_;
    }
    TimePoint until;
    {
      FLWRCPP_ASSIGN_OR_RETURN(const std::shared_ptr<const State> state, Open());
      FLWRCPP_ASSIGN_OR_RETURN(std::vector<Message> replies, TakeReplies(*state, message_ids));
      if (!replies.empty() || steady_clock::now() >= deadline) return replies;
      FLWRCPP_ASSIGN_OR_RETURN(const double next,
                               state->link_state->NextReplyTime(run_id_, message_ids, clock_()));
      until = MomentOf(next, deadline);
    }
    std::unique_lock lock(mutex_);
    // A node that leaves is answered for, so events of nodes count too.
    changed_.wait_until(lock, until, [&] {
      return closed_ || reply_events_ != seen || node_events_ != nodes_seen;
    });
  }
}

void LocalGrid::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

StatusOr<std::shared_ptr<const State>> LocalGrid::Open() {
  std::shared_ptr<const State> state;
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) state = state_.lock();
  }
  if (state == nullptr) return MakeError(StatusCode::kUnavailable, "the SuperLink has stopped");
  FLWRCPP_ASSIGN_OR_RETURN(const RunStatus status, state->link_state->GetRunStatus(run_id_));
  if (status == RunStatus::kRunning) return state;
  return MakeError(StatusCode::kFailedPrecondition, "run {} is not running", run_id_);
}

StatusOr<std::vector<Message>> LocalGrid::TakeReplies(const State& state,
                                                      std::span<const std::string> message_ids) {
  const std::lock_guard lock(replies_mutex_);
  const bool any_taken =
      !taken_.empty() && std::any_of(message_ids.begin(), message_ids.end(),
                                     [this](const auto& id) { return taken_.contains(id); });
  if (!any_taken) {
    FLWRCPP_ASSIGN_OR_RETURN(PulledReplies pulled,
                             state.link_state->PullReplies(run_id_, message_ids, clock_()));
    for (const std::string& id : pulled.dropped) Forget(state, id);
    for (Message& reply : pulled.replies) {
      std::string instruction = reply.metadata().reply_to_message_id;
      taken_.insert_or_assign(std::move(instruction), std::move(reply));
    }
  }

  std::vector<Message> replies;
  std::size_t bytes = 0;
  for (const std::string& id : message_ids) {
    if (taken_.empty() || bytes >= kReplyBatchBytes) break;
    auto node = taken_.extract(id);
    if (node.empty()) continue;
    FLWRCPP_ASSIGN_OR_RETURN(Message reply, InflateReply(state, node.mapped(), bytes));
    replies.push_back(std::move(reply));
  }
  return replies;
}

StatusOr<Message> LocalGrid::InflateReply(const State& state, const Message& stub,
                                          std::size_t& bytes) {
  const Metadata& metadata = stub.metadata();
  if (stub.has_error()) {
    Confirm(state, metadata.message_id);
    return stub;
  }
  const ObjectSource source = [&](const std::string& id) -> StatusOr<Object> {
    FLWRCPP_ASSIGN_OR_RETURN(StoredObject stored, state.object_store->Get(run_id_, id));
    if (stored.state != ObjectState::kAvailable) {
      return MakeError(StatusCode::kNotFound, "object {} is missing", id);
    }
    bytes += stored.object.size();
    return std::move(stored.object);
  };
  StatusOr<Message> reply = Inflate(metadata.message_id, source);
  Confirm(state, metadata.message_id);
  if (!reply.ok()) return UnreadableReply(metadata, reply.status());
  // What counts is what the SuperLink checked when the reply came in.
  reply->metadata() = metadata;
  return reply;
}

void LocalGrid::Confirm(const State& state, const std::string& reply_id) {
  const StatusOr<std::string> instruction_id = state.link_state->ConfirmReply(run_id_, reply_id);
  if (!instruction_id.ok()) {
    Log(LogLevel::kWarning, "reply {} is left behind: {}", reply_id,
        std::string(instruction_id.status().message()));
  } else if (!instruction_id->empty()) {
    Forget(state, *instruction_id);
  }
  Forget(state, reply_id);
}

void LocalGrid::Forget(const State& state, const std::string& message_id) {
  const Status status = state.object_store->Confirm(run_id_, message_id);
  if (!status.ok()) {
    Log(LogLevel::kWarning, "objects of message {} are left behind: {}", message_id,
        std::string(status.message()));
  }
}

LocalGrid::TimePoint LocalGrid::MomentOf(double unix_seconds, TimePoint limit) const {
  const TimePoint now = steady_clock::now();
  const double wait = unix_seconds - clock_();
  if (!(wait < std::chrono::duration<double>(limit - now).count())) return limit;
  const auto duration = std::chrono::duration_cast<steady_clock::duration>(
      std::chrono::duration<double>(std::max(wait, 0.0)));
  return std::min(limit, now + std::max<steady_clock::duration>(duration, kShortestWait));
}

}  // namespace flwrcpp::internal
