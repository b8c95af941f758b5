// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/client_task.h"

#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <utility>

#include "client/pending_reply.h"
#include "client/reply.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/fab.h"
#include "records/wire.h"
#include "rpc/app_messages.h"
#include "rpc/runtime_relay.h"
#include "rpc/task_heartbeat.h"

namespace flwrcpp {
namespace internal {
namespace {

using flwr::proto::PullTaskInputResponse;

RetryPolicy RetryOf(const NodeOptions& options) {
  RetryPolicy retry;
  retry.max_retries = options.max_retries;
  if (options.max_wait_time) retry.max_wait_seconds = options.max_wait_time->count();
  return retry;
}

bool IsForPython(const TaskOptions& task, const PullTaskInputResponse& input) {
  if (!task.run_python) return false;
  const StatusOr<FabInfo> fab = ReadFab(Bytes(input.fab().content()));
  return !fab.ok() || !fab->has_cpp_clientapp;
}

StatusOr<Context> ContextOf(const PullTaskInputResponse& input, std::stop_token stop) {
  Context context;
  context.run_id = input.context().run_id();
  context.node_id = input.context().node_id();
  context.node_config = FromProto(input.context().node_config());
  context.run_config = FromProto(input.context().run_config());
  FLWRCPP_ASSIGN_OR_RETURN(context.state, FromProto(input.context().state()));
  context.stop = std::move(stop);
  return context;
}

StatusOr<Message> ReceiveMessage(const AppTransfer& transfer, std::stop_token stop) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<PulledStub> pulled,
                           transfer.connection.PullMessages({}, stop));
  if (pulled.empty()) {
    return MakeError(StatusCode::kFailedPrecondition, "the SuperNode has no message for the task");
  }
  return DownloadMessage(transfer, pulled.front(), std::move(stop));
}

Status SendReply(const AppTransfer& transfer, Message reply, std::stop_token stop) {
  const PendingReply pending = MakePendingReply(std::move(reply), 0);
  FLWRCPP_ASSIGN_OR_RETURN(
      const AppPushTicket ticket,
      transfer.connection.PushMessages({&pending.stub, 1}, {&pending.tree, 1}, stop));
  if (ticket.message_ids[0].empty()) {
    return MakeError(StatusCode::kFailedPrecondition, "the SuperNode does not take the reply");
  }
  return UploadObjects(transfer, ticket, pending.objects, std::move(stop));
}

/// From the message to the reply.
/// @param handled what the app's handler returned; a failure is sent as an error reply.
Status Work(const ClientApp& app, const AppTransfer& transfer, Context& context, Status& handled) {
  FLWRCPP_ASSIGN_OR_RETURN(const Message message, ReceiveMessage(transfer, context.stop));
  const StatusOr<Message> answer = app.Handle(message, context);
  handled = answer.status();
  if (context.stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
  Message reply = MakeReply(message, answer, transfer.clock.Unix());
  return SendReply(transfer, std::move(reply), context.stop);
}

Status RunClientTask(const ClientApp& app, const NodeOptions& options, const TaskOptions& task,
                     Clock& clock, std::stop_token stop) {
  const Endpoint endpoint{options.superlink, options.insecure, options.root_certificates};
  FLWRCPP_RETURN_IF_ERROR(CheckEndpoint(endpoint));
  RuntimeConnection::Options limits;
  limits.retry = RetryOf(options);
  limits.max_object_bytes = options.max_object_bytes;
  RuntimeConnection connection(endpoint, "flwr-clientapp", limits, clock);
  connection.UseToken(task.token);
  std::stop_source work;
  const std::stop_callback forward(stop, [&work] { work.request_stop(); });
  std::atomic<bool> over = false;
  const TaskHeartbeat heartbeat(connection, clock, [&] {
    over = true;
    work.request_stop();
  });

  const StatusOr<PullTaskInputResponse> pulled = connection.PullTaskInput(work.get_token());
  if (over) {  // whichever call was told so first
    return MakeError(StatusCode::kUnauthenticated,
                     "the token is that of no task, or of one that is over");
  }
  FLWRCPP_RETURN_IF_ERROR(pulled.status());
  const PullTaskInputResponse& input = *pulled;
  if (IsForPython(task, input)) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::unique_ptr<RuntimeRelay> relay,
                             RuntimeRelay::Start(endpoint, task.token, input.SerializeAsString()));
    return task.run_python(fmt::format("127.0.0.1:{}", relay->port()), work.get_token());
  }

  FLWRCPP_ASSIGN_OR_RETURN(Context context, ContextOf(input, work.get_token()));
  ObjectPullOptions pull;
  pull.concurrency = options.concurrent_objects;
  pull.max_message_bytes = options.max_message_bytes;
  const AppTransfer transfer{connection,     clock, context.node_id,
                             context.run_id, pull,  limits.retry};
  Status handled;
  const Status worked = Work(app, transfer, context, handled);
  if (over) return MakeError(StatusCode::kCancelled, "the task is over");
  const Status outcome = worked.ok() ? handled : worked;
  flwr::proto::PushTaskOutputRequest output;
  output.set_sub_status(outcome.ok() ? "completed" : "failed");
  output.set_details(std::string(outcome.message()));
  *output.mutable_context() = input.context();
  if (outcome.ok()) ToProto(context.state, *output.mutable_context()->mutable_state());
  const Status reported = connection.PushTaskOutput(output, std::stop_token());
  return worked.ok() ? reported : worked;
}

}  // namespace
}  // namespace internal

Status RunClientTask(const ClientApp& app, const NodeOptions& options, const TaskOptions& task,
                     std::stop_token stop) {
  return internal::RunClientTask(app, options, task, internal::Clock::System(), std::move(stop));
}

}  // namespace flwrcpp
