// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/app_messages.h"

#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "rpc/flower_status.h"
#include "rpc/parallel.h"

namespace flwrcpp::internal {
namespace {

Status UploadObject(const AppTransfer& transfer, const std::string& session_id,
                    const Object& object, std::stop_token stop) {
  Backoff backoff(transfer.retry, transfer.clock);
  bool may_be_there = false;
  while (true) {
    const StatusOr<bool> stored =
        transfer.connection.PushObject(transfer.node_id, transfer.run_id, session_id, object, stop);
    if (stored.ok()) {
      // What was stored by an attempt whose answer was lost is refused the next time.
      if (*stored || may_be_there) return absl::OkStatus();
      return MakeError(StatusCode::kAborted, "object {} was not taken", object.id);
    }
    if (!IsRetryable(stored.status())) return stored.status();
    may_be_there = true;
    if (!backoff.Wait(stored.status(), stop)) {
      if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
      return stored.status();
    }
  }
}

}  // namespace

Status UploadObjects(const AppTransfer& transfer, const AppPushTicket& ticket,
                     const ObjectMap& objects, std::stop_token stop) {
  return ForEachParallel(ticket.objects_to_push, transfer.limits.concurrency, std::move(stop),
                         [&](const std::string& id, std::stop_token all) -> Status {
                           const auto found = objects.find(id);
                           if (found == objects.end()) {
                             return MakeError(StatusCode::kFailedPrecondition,
                                              "object {} is asked for that no message has", id);
                           }
                           return UploadObject(transfer, ticket.session_id, found->second,
                                               std::move(all));
                         });
}

StatusOr<Message> DownloadMessage(const AppTransfer& transfer, const PulledStub& pulled,
                                  std::stop_token stop) {
  const Metadata& metadata = pulled.stub.metadata();
  FLWRCPP_RETURN_IF_ERROR(pulled.tree.status());
  if (pulled.tree->id != metadata.message_id) {
    return InvalidArgument("its object tree is that of message {}", pulled.tree->id);
  }
  const PullObjectFn pull = [&](const std::string& id, std::stop_token all) {
    return transfer.connection.PullObject(transfer.node_id, transfer.run_id, id, std::move(all));
  };
  ObjectMap objects;
  FLWRCPP_RETURN_IF_ERROR(
      PullObjects(pull, transfer.clock, transfer.limits, *pulled.tree, objects, stop));
  const Status confirmed = transfer.connection.ConfirmMessageReceived(
      transfer.node_id, transfer.run_id, metadata.message_id, std::move(stop));
  if (!confirmed.ok()) {  // costs the peer memory, no more
    Log(LogLevel::kWarning, "{}", std::string(confirmed.message()));
  }
  return Inflate(metadata.message_id, [&](const std::string& id) -> StatusOr<Object> {
    const auto found = objects.find(id);
    if (found != objects.end()) return found->second;
    return InvalidArgument("object {} is not in the message's object tree", id);
  });
}

}  // namespace flwrcpp::internal
