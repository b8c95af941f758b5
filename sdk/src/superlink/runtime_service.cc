// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/runtime_service.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "crypto/node_auth.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/wire.h"
#include "superlink/api_error.h"
#include "superlink/node_proto.h"
#include "superlink/run_proto.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {
namespace {

Status WrongToken() { return ApiError(ApiErrorCode::kRuntimeAuthentication, ""); }

/// The same status, or the catalogue's for a token that is not valid.
Status AsTokenError(const Status& status) {
  return status.code() == StatusCode::kNotFound ? WrongToken() : status;
}

Status CheckIsServerApp(std::uint64_t node_id) {
  if (node_id == kSuperLinkNodeId) return absl::OkStatus();
  return ApiError(ApiErrorCode::kUnexpectedNodeId,
                  fmt::format("node id {}, expected {}", node_id, kSuperLinkNodeId));
}

}  // namespace

RuntimeService::RuntimeService(State state, Notifier& notifier, Runs& runs,
                               MessageExchange& exchange, std::function<double()> clock)
    : state_(std::move(state)),
      notifier_(notifier),
      runs_(runs),
      exchange_(exchange),
      clock_(std::move(clock)) {}

StatusOr<flwr::proto::AcquireTaskResponse> RuntimeService::AcquireTask(
    const flwr::proto::AcquireTaskRequest& request) {
  FLWRCPP_RETURN_IF_ERROR(runs_.ExpireClaims());
  const std::vector<std::string> types(request.supported_task_types().begin(),
                                       request.supported_task_types().end());
  FLWRCPP_ASSIGN_OR_RETURN(std::optional<ClaimedRun> claimed,
                           state_.link_state->ClaimRun(types, clock_()));
  flwr::proto::AcquireTaskResponse response;
  if (!claimed.has_value()) return response;

  const RunInfo& run = claimed->run;
  Log(LogLevel::kInfo, "run {} is starting", run.run_id);
  flwr::proto::Task& task = *response.mutable_task();
  task.set_task_id(run.primary_task_id);
  task.set_type(run.primary_task_type);
  task.set_run_id(run.run_id);
  task.mutable_status()->set_status(std::string(RunStatusName(run.status())));
  task.set_pending_at(FormatTimestamp(run.pending_at));
  response.set_token(std::move(claimed->token));
  return response;
}

StatusOr<RunInfo> RuntimeService::FindRun(const std::string& token) {
  FLWRCPP_RETURN_IF_ERROR(runs_.ExpireClaims());
  StatusOr<RunInfo> run = state_.link_state->FindClaimedRun(token, clock_());
  if (!run.ok()) return AsTokenError(run.status());
  return run;
}

StatusOr<flwr::proto::SendTaskHeartbeatResponse> RuntimeService::SendTaskHeartbeat(
    const std::string& token) {
  const Status renewed = state_.link_state->RenewClaim(token, clock_());
  if (!renewed.ok()) return AsTokenError(renewed);
  flwr::proto::SendTaskHeartbeatResponse response;
  response.set_success(true);
  return response;
}

StatusOr<flwr::proto::PullTaskInputResponse> RuntimeService::PullTaskInput(
    const std::string& token) {
  FLWRCPP_ASSIGN_OR_RETURN(const RunInfo known, FindRun(token));
  flwr::proto::PullTaskInputResponse response;
  const StatusOr<Bytes> fab = state_.run_archive->GetFab(known.fab_hash);
  if (fab.status().code() == StatusCode::kNotFound) {
    return ApiError(ApiErrorCode::kFabNotFound, known.fab_hash);
  }
  if (!fab.ok()) return fab.status();
  FLWRCPP_ASSIGN_OR_RETURN(*response.mutable_context(), MakeContext(known));

  const StatusOr<RunInfo> started = state_.link_state->StartClaimedRun(token, clock_());
  if (started.status().code() == StatusCode::kFailedPrecondition) {
    return ApiError(ApiErrorCode::kTaskStartFailed, std::string(started.status().message()));
  }
  if (!started.ok()) return AsTokenError(started.status());
  Log(LogLevel::kInfo, "run {} is running", started->run_id);
  notifier_.Notify({Topic::kReplies, started->run_id});
  ToProto(*started, *response.mutable_run());
  response.mutable_fab()->set_hash_str(started->fab_hash);
  response.mutable_fab()->set_content(std::string(fab->view()));
  response.set_task_id(started->primary_task_id);
  return response;
}

StatusOr<flwr::proto::Context> RuntimeService::MakeContext(const RunInfo& run) {
  flwr::proto::Context context;
  const StatusOr<std::string> kept = state_.run_archive->GetContext(run.series_id);
  if (kept.ok() && !context.ParseFromString(*kept)) {
    return MakeError(StatusCode::kDataLoss, "the context of run series {} cannot be read",
                     run.series_id);
  }
  if (!kept.ok() && kept.status().code() != StatusCode::kNotFound) return kept.status();
  context.set_run_id(run.run_id);
  context.set_node_id(kSuperLinkNodeId);
  context.set_series_id(run.series_id);
  context.clear_node_config();  // which were those of an earlier run
  context.clear_run_config();
  if (!context.has_state()) context.mutable_state();
  return context;
}

StatusOr<flwr::proto::PushTaskOutputResponse> RuntimeService::PushTaskOutput(
    const RunInfo& run, const flwr::proto::PushTaskOutputRequest& request) {
  const Status finished = runs_.Finish(run.run_id, request.sub_status(), request.details());
  if (finished.code() == StatusCode::kInvalidArgument ||
      finished.code() == StatusCode::kFailedPrecondition) {
    Log(LogLevel::kWarning, "run {} does not end as '{}': {}", run.run_id, request.sub_status(),
        std::string(finished.message()));
    return flwr::proto::PushTaskOutputResponse();
  }
  FLWRCPP_RETURN_IF_ERROR(finished);
  if (request.has_context()) {
    FLWRCPP_RETURN_IF_ERROR(
        state_.run_archive->StoreContext(run.series_id, request.context().SerializeAsString()));
  }
  return flwr::proto::PushTaskOutputResponse();
}

StatusOr<flwr::proto::PushLogsResponse> RuntimeService::PushLogs(
    const RunInfo& run, const flwr::proto::PushLogsRequest& request) {
  std::string text;
  for (const std::string& piece : request.logs()) text += piece;
  FLWRCPP_RETURN_IF_ERROR(runs_.Log(run.run_id, text));
  return flwr::proto::PushLogsResponse();
}

StatusOr<flwr::proto::GetNodesResponse> RuntimeService::GetNodes() {
  NodeFilter filter;
  filter.statuses = {NodeStatus::kOnline};
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<NodeInfo> nodes,
                           state_.link_state->ListNodes(filter, clock_()));
  flwr::proto::GetNodesResponse response;
  for (const NodeInfo& node : nodes) ToProto(node, *response.add_nodes());
  return response;
}

StatusOr<flwr::proto::PushAppMessagesResponse> RuntimeService::PushMessages(
    const RunInfo& run, const flwr::proto::PushAppMessagesRequest& request) {
  const int count = request.messages_list_size();
  if (count == 0 || count != request.message_object_trees_size()) {
    return InvalidArgument("a push needs an object tree for each message, but has {} for {}",
                           request.message_object_trees_size(), count);
  }
  std::vector<Message> messages;
  std::vector<ObjectTree> trees;
  for (int i = 0; i < count; ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(Message message, ReadStub(request.messages_list(i)));
    FLWRCPP_ASSIGN_OR_RETURN(ObjectTree tree,
                             FromProto(request.message_object_trees(i), kMaxTreeNodes));
    if (tree.id != message.metadata().message_id) {
      return InvalidArgument("message {} comes with the object tree of {}",
                             message.metadata().message_id, tree.id);
    }
    if (message.metadata().run_id != run.run_id) {
      return InvalidArgument("message {} is of run {}, the token is of run {}", tree.id,
                             message.metadata().run_id, run.run_id);
    }
    messages.push_back(std::move(message));
    trees.push_back(std::move(tree));
  }
  FLWRCPP_ASSIGN_OR_RETURN(MessageExchange::AcceptedInstructions accepted,
                           exchange_.AcceptInstructions(run.run_id, messages, trees));
  flwr::proto::PushAppMessagesResponse response;
  for (std::string& id : accepted.ids) response.add_message_ids(std::move(id));
  for (std::string& id : accepted.session.missing) response.add_objects_to_push(std::move(id));
  response.set_session_id(std::move(accepted.session.session_id));
  return response;
}

StatusOr<double> RuntimeService::RemoveAnswered(std::uint64_t run_id,
                                                std::vector<std::string>& message_ids) {
  std::vector<std::string> open;
  double earliest = std::numeric_limits<double>::infinity();
  for (std::string& id : message_ids) {
    const double now = clock_();
    FLWRCPP_ASSIGN_OR_RETURN(const double next,
                             state_.link_state->NextReplyTime(run_id, {&id, 1}, now));
    if (next <= now) continue;
    earliest = std::min(earliest, next);
    open.push_back(std::move(id));
  }
  message_ids = std::move(open);
  return earliest;
}

StatusOr<flwr::proto::PullAppMessagesResponse> RuntimeService::PullMessages(
    std::uint64_t run_id, std::span<const std::string> message_ids) {
  FLWRCPP_ASSIGN_OR_RETURN(PulledReplies pulled,
                           state_.link_state->PullReplies(run_id, message_ids, clock_()));
  for (const std::string& id : pulled.dropped) Forget(run_id, id);
  flwr::proto::PullAppMessagesResponse response;
  for (Message& reply : pulled.replies) {
    const Status added = AddReply(run_id, std::move(reply), response);
    if (!added.ok()) {
      Log(LogLevel::kError, "a reply of run {} cannot be handed out: {}", run_id,
          std::string(added.message()));
    }
  }
  return response;
}

Status RuntimeService::AddReply(std::uint64_t run_id, Message reply,
                                flwr::proto::PullAppMessagesResponse& response) {
  StatusOr<ObjectTree> tree = state_.object_store->GetTree(run_id, reply.metadata().message_id);
  if (tree.status().code() == StatusCode::kNotFound) {
    if (reply.has_content()) {
      reply = MessageUnavailable(run_id, reply.metadata().reply_to_message_id, clock_());
    }
    const DeflatedMessage deflated = Deflate(reply);
    FLWRCPP_RETURN_IF_ERROR(
        state_.object_store->StoreTree(run_id, deflated.tree, {&deflated.root, 1}));
    tree = deflated.tree;
  }
  if (!tree.ok()) return tree.status();
  ToStub(reply, *response.add_messages_list());
  ToProto(*tree, *response.add_message_object_trees());
  return absl::OkStatus();
}

StatusOr<flwr::proto::PushObjectResponse> RuntimeService::PushObject(std::uint64_t run_id,
                                                                     std::uint64_t node_id,
                                                                     const std::string& object_id,
                                                                     const std::string& session_id,
                                                                     const Bytes& content) {
  FLWRCPP_RETURN_IF_ERROR(CheckIsServerApp(node_id));
  FLWRCPP_ASSIGN_OR_RETURN(const bool stored,
                           exchange_.PutObject(run_id, object_id, session_id, content));
  flwr::proto::PushObjectResponse response;
  response.set_stored(stored);
  return response;
}

StatusOr<StoredObject> RuntimeService::PullObject(std::uint64_t run_id,
                                                  const flwr::proto::PullObjectRequest& request) {
  FLWRCPP_RETURN_IF_ERROR(CheckIsServerApp(request.node().node_id()));
  return exchange_.GetObject(run_id, request.object_id());
}

StatusOr<flwr::proto::ConfirmMessageReceivedResponse> RuntimeService::ConfirmMessageReceived(
    std::uint64_t run_id, const flwr::proto::ConfirmMessageReceivedRequest& request) {
  const std::string& reply_id = request.message_object_id();
  FLWRCPP_ASSIGN_OR_RETURN(const std::string instruction_id,
                           state_.link_state->ConfirmReply(run_id, reply_id));
  if (!instruction_id.empty()) Forget(run_id, instruction_id);
  FLWRCPP_RETURN_IF_ERROR(state_.object_store->Confirm(run_id, reply_id));
  return flwr::proto::ConfirmMessageReceivedResponse();
}

void RuntimeService::Forget(std::uint64_t run_id, const std::string& message_id) {
  const Status status = state_.object_store->Confirm(run_id, message_id);
  if (!status.ok()) {
    Log(LogLevel::kWarning, "objects of message {} are left behind: {}", message_id,
        std::string(status.message()));
  }
}

}  // namespace flwrcpp::internal
