// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/remote/remote_grid.h"

#include <algorithm>
#include <chrono>
#include <unordered_set>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/wire.h"

namespace flwrcpp::internal {
namespace {

/// Seconds between two pulls: at first, and at most.
constexpr double kFirstPause = 0.02;
constexpr double kLongestPause = 1;
constexpr double kPauseGrowth = 1.3;
/// Seconds between two looks at the nodes.
constexpr double kNodesPause = 0.5;

/// Messages are announced together until the request has this many bytes.
constexpr std::size_t kBatchBytes = std::size_t{8} << 20;

/// Replies are handed out together until they have this many bytes.
constexpr std::size_t kReplyBatchBytes = std::size_t{1} << 20;

/// What a node of an object tree takes in a request.
constexpr std::size_t kTreeNodeBytes = 70;

std::size_t CountNodes(const ObjectTree& tree) {
  std::size_t count = 1;
  for (const ObjectTree& child : tree.children) count += CountNodes(child);
  return count;
}

std::size_t ContentBytes(const Message& message) {
  std::size_t bytes = 0;
  for (const auto& [name, record] : message.content()) {
    if (const ArrayRecord* const arrays = std::get_if<ArrayRecord>(&record)) {
      for (const auto& [key, array] : *arrays) bytes += array.data_size();
    }
  }
  return bytes;
}

/// Whether a failure is that of one reply alone.
bool ConcernsOneReply(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kInvalidArgument ||
         status.code() == StatusCode::kDeadlineExceeded ||
         status.code() == StatusCode::kResourceExhausted;
}

}  // namespace

RemoteGrid::RemoteGrid(AppTransfer transfer, std::uint64_t task_id, std::stop_token stop)
    : transfer_(transfer),
      instructions_(transfer.run_id, task_id, [&clock = transfer.clock] { return clock.Unix(); }),
      stop_(std::move(stop)) {}

StatusOr<std::vector<std::uint64_t>> RemoteGrid::GetNodeIds() {
  return transfer_.connection.GetNodes(stop_);
}

void RemoteGrid::WaitForNodes(std::chrono::duration<double> timeout) {
  transfer_.clock.Sleep(std::clamp(timeout.count(), 0.0, kNodesPause), stop_);
}

StatusOr<std::vector<std::string>> RemoteGrid::PushMessages(std::vector<Message> messages) {
  const std::vector<InstructionMaker::Instruction> made = instructions_.Make(std::move(messages));
  const Instructions all(made);
  std::vector<std::string> ids;
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t bytes = 0;
    std::size_t end = begin;
    while (end < all.size() && (end == begin || bytes < kBatchBytes)) {
      bytes += CountNodes(all[end++].deflated.tree) * kTreeNodeBytes;
    }
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::string> pushed,
                             PushBatch(all.subspan(begin, end - begin)));
    ids.insert(ids.end(), pushed.begin(), pushed.end());
    begin = end;
  }
  const std::lock_guard lock(mutex_);
  pause_ = kFirstPause;
  next_pull_ = 0;
  return ids;
}

StatusOr<std::vector<std::string>> RemoteGrid::PushBatch(Instructions batch) {
  std::vector<flwr::proto::Message> stubs(batch.size());
  std::vector<ObjectTree> trees;
  ObjectMap objects;
  std::unordered_set<const DeflatedContent*> contents;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ToStub(batch[i].stub, stubs[i]);
    const DeflatedMessage& deflated = batch[i].deflated;
    trees.push_back(deflated.tree);
    objects.emplace(deflated.root.id, deflated.root);
    if (deflated.content == nullptr || !contents.insert(deflated.content.get()).second) continue;
    for (const Object& object : deflated.content->objects) objects.emplace(object.id, object);
  }
  FLWRCPP_ASSIGN_OR_RETURN(AppPushTicket ticket,
                           transfer_.connection.PushMessages(stubs, trees, stop_));
  FLWRCPP_RETURN_IF_ERROR(UploadObjects(transfer_, ticket, objects, stop_));
  return std::move(ticket.message_ids);
}

StatusOr<std::vector<Message>> RemoteGrid::PullMessages(std::span<const std::string> message_ids,
                                                        std::chrono::duration<double> timeout) {
  Clock& clock = transfer_.clock;
  const double deadline = clock.Monotonic() + std::max(timeout.count(), 0.0);
  while (true) {
    FLWRCPP_ASSIGN_OR_RETURN(std::vector<Message> replies, TakeKept(message_ids));
    if (!replies.empty()) return replies;

    double wait = 0;
    {
      const std::lock_guard lock(mutex_);
      wait = next_pull_ - clock.Monotonic();
    }
    const double left = deadline - clock.Monotonic();
    if (wait > 0 && !clock.Sleep(std::min(wait, std::max(left, 0.0)), stop_)) {
      return MakeError(StatusCode::kCancelled, "stop requested");
    }
    if (wait > left) return std::vector<Message>();

    FLWRCPP_ASSIGN_OR_RETURN(std::vector<PulledStub> pulled,
                             transfer_.connection.PullMessages(message_ids, stop_));
    const std::lock_guard lock(mutex_);
    pause_ = pulled.empty() ? std::min(pause_ * kPauseGrowth, kLongestPause) : kFirstPause;
    next_pull_ = clock.Monotonic() + pause_;
    for (PulledStub& stub : pulled) {
      std::string instruction = stub.stub.metadata().reply_to_message_id;
      kept_.insert_or_assign(std::move(instruction), std::move(stub));
    }
  }
}

StatusOr<std::vector<Message>> RemoteGrid::TakeKept(std::span<const std::string> message_ids) {
  std::vector<Message> replies;
  std::size_t bytes = 0;
  for (const std::string& id : message_ids) {
    if (bytes >= kReplyBatchBytes) break;
    std::unordered_map<std::string, PulledStub>::node_type kept;
    {
      const std::lock_guard lock(mutex_);
      kept = kept_.extract(id);
    }
    if (kept.empty()) continue;
    StatusOr<Message> reply = Download(kept.mapped());
    if (!reply.ok()) {
      const std::lock_guard lock(mutex_);
      kept_.insert(std::move(kept));
      return reply.status();
    }
    bytes += ContentBytes(*reply);
    replies.push_back(*std::move(reply));
  }
  return replies;
}

StatusOr<Message> RemoteGrid::Download(const PulledStub& pulled) {
  const Metadata& metadata = pulled.stub.metadata();
  if (pulled.stub.has_error()) {
    if (metadata.message_id.empty()) return pulled.stub;
    const Status confirmed = transfer_.connection.ConfirmMessageReceived(
        transfer_.node_id, transfer_.run_id, metadata.message_id, stop_);
    if (!confirmed.ok()) {  // costs the SuperLink memory, no more
      Log(LogLevel::kWarning, "{}", std::string(confirmed.message()));
    }
    return pulled.stub;
  }
  StatusOr<Message> reply = DownloadMessage(transfer_, pulled, stop_);
  if (!reply.ok() && ConcernsOneReply(reply.status())) {
    return UnreadableReply(metadata, reply.status());
  }
  // What counts is what the SuperLink checked when the reply came in.
  if (reply.ok()) reply->metadata() = metadata;
  return reply;
}

}  // namespace flwrcpp::internal
