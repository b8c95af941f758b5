// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/outbox.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "rpc/flower_status.h"
#include "rpc/parallel.h"
#include "rpc/retry.h"

namespace flwrcpp::internal {
namespace {

constexpr char kSuffix[] = ".reply";
/// Rounds in which a SuperLink that is there takes no further object, before a reply is given up.
constexpr int kMaxFruitlessRounds = 5;

/// The reply must be kept: nothing is known about whether the SuperLink wants it.
bool IsInterruption(const Status& status) {
  return status.code() == StatusCode::kCancelled || status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kUnauthenticated;
}

/// Failures after which another round is worth trying.
bool IsWorthAnotherRound(const Status& status) {
  return IsRetryable(status) || status.code() == StatusCode::kAborted ||
         status.code() == StatusCode::kInternal;
}

}  // namespace

Outbox::Outbox(FleetConnection& connection, Clock& clock, Options options)
    : connection_(connection), clock_(clock), options_(std::move(options)) {}

Status Outbox::Load() {
  if (options_.directory.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  std::vector<std::filesystem::path> files;
  if (!error) {
    for (std::filesystem::directory_iterator i(options_.directory, error), end; !error && i != end;
         i.increment(error)) {
      if (i->path().extension() == kSuffix) files.push_back(i->path());
    }
  }
  if (error) {
    return InvalidArgument("cannot use the state directory {}: {}", options_.directory.string(),
                           error.message());
  }
  for (const std::filesystem::path& file : files) {
    StatusOr<PendingReply> reply = ReadReply(file);
    if (!reply.ok()) {
      Log(LogLevel::kError, "Cannot resume a reply: {}", std::string(reply.status().message()));
      continue;
    }
    if (reply->stub.metadata().src_node_id() != connection_.node_id()) {
      Log(LogLevel::kWarning, "Reply {} in the state directory is of another node; left alone",
          reply->message_id());
      continue;
    }
    Log(LogLevel::kInfo, "Resuming reply {} of run {}", reply->message_id(), reply->run_id());
    replies_.push_back(*std::move(reply));
  }
  std::sort(replies_.begin(), replies_.end(), [](const PendingReply& a, const PendingReply& b) {
    return a.stub.metadata().created_at() < b.stub.metadata().created_at();
  });
  return absl::OkStatus();
}

void Outbox::Add(Message reply, double runtime_seconds) {
  PendingReply pending = MakePendingReply(std::move(reply), runtime_seconds);
  if (!options_.directory.empty()) {
    const std::filesystem::path file = options_.directory / (pending.message_id() + kSuffix);
    const Status written = WriteReply(pending, file);
    if (written.ok()) {
      pending.file = file;
    } else {
      Log(LogLevel::kError, "Reply {} stays in memory only: {}", pending.message_id(),
          std::string(written.message()));
    }
  }
  replies_.push_back(std::move(pending));
}

void Outbox::RemoveFirst() {
  std::error_code ignored;
  const std::filesystem::path& file = replies_.front().file;
  if (!file.empty()) std::filesystem::remove(file, ignored);
  replies_.pop_front();
}

Status Outbox::Flush(std::stop_token stop) {
  while (!replies_.empty()) {
    const PendingReply& reply = replies_.front();
    if (reply.expires_at() <= clock_.Unix()) {
      Log(LogLevel::kError, "Reply {} of run {} expired before it could be sent",
          reply.message_id(), reply.run_id());
      RemoveFirst();
      continue;
    }
    Status status = Deliver(reply, stop);
    if (IsInterruption(status)) return status;
    if (status.ok()) {
      Log(LogLevel::kInfo, "Sent reply {} of run {}", reply.message_id(), reply.run_id());
    } else if (status.code() == StatusCode::kPermissionDenied) {
      Log(LogLevel::kInfo, "Run {} is not running any more; its reply {} is dropped",
          reply.run_id(), reply.message_id());
    } else {
      Log(LogLevel::kError, "Reply {} of run {} is lost: {}", reply.message_id(), reply.run_id(),
          std::string(status.message()));
    }
    RemoveFirst();
  }
  return absl::OkStatus();
}

Status Outbox::Deliver(const PendingReply& reply, std::stop_token stop) {
  // PushObject must not be repeated blindly, PushMessages may: it tells what is still missing.
  bool may_be_there = reply.resumed;
  std::size_t missing_before = std::numeric_limits<std::size_t>::max();
  int fruitless_rounds = 0;
  std::optional<Backoff> backoff;
  while (true) {
    Status status;
    const StatusOr<PushTicket> ticket =
        connection_.PushMessages(reply.stub, reply.tree, reply.runtime_seconds, stop);
    if (ticket.ok()) {
      const std::size_t missing = ticket->objects_to_push.size();
      if (missing == 0) {
        if (may_be_there) return absl::OkStatus();
        return MakeError(StatusCode::kFailedPrecondition,
                         "the SuperLink refuses it (it asks for no object of a new reply: the "
                         "instruction expired, was answered or belongs to a run that is over)");
      }
      may_be_there = true;
      if (missing < missing_before) {
        fruitless_rounds = 0;
        backoff.emplace(options_.retry, clock_);
      }
      missing_before = missing;
      status = PushObjects(reply, *ticket, stop);
      if (status.ok()) return status;
    } else {
      status = ticket.status();
      // Unreachable for longer than the policy allows: the call has waited already.
      if (IsInterruption(status)) return status;
    }
    if (!IsWorthAnotherRound(status)) return status;
    if (!IsRetryable(status) && ++fruitless_rounds >= kMaxFruitlessRounds) return status;
    if (!backoff) backoff.emplace(options_.retry, clock_);
    if (!backoff->Wait(status, stop)) {
      return stop.stop_requested() ? MakeError(StatusCode::kCancelled, "stop requested") : status;
    }
  }
}

Status Outbox::PushObjects(const PendingReply& reply, const PushTicket& ticket,
                           std::stop_token stop) {
  return ForEachParallel(
      ticket.objects_to_push, options_.concurrency, std::move(stop),
      [&](const std::string& id, std::stop_token all) -> Status {
        const auto found = reply.objects.find(id);
        if (found == reply.objects.end()) {
          return MakeError(StatusCode::kFailedPrecondition,
                           "the SuperLink asks for object {} that is not part of it", id);
        }
        FLWRCPP_ASSIGN_OR_RETURN(const bool stored,
                                 connection_.PushObject(reply.run_id(), ticket.session_id,
                                                        found->second, std::move(all)));
        if (stored) return absl::OkStatus();
        return MakeError(StatusCode::kAborted, "the SuperLink did not store object {}", id);
      });
}

}  // namespace flwrcpp::internal
