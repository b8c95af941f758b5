// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/fleet_service.h"

#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/wire.h"
#include "superlink/api_error.h"
#include "superlink/run_proto.h"

namespace flwrcpp::internal {
namespace {

/// Seconds until the next push, as stock SuperLinks answer; no node looks at it.
constexpr std::uint64_t kReconnectHint = 5;

/// Whether `status` says that the state itself failed, and not that it refused something.
bool IsStateFailure(const Status& status) {
  return status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDataLoss ||
         status.code() == StatusCode::kInternal;
}

bool IsHeartbeatInterval(double seconds) {
  return seconds >= kMinHeartbeatInterval && seconds <= kMaxHeartbeatInterval;
}

Status InvalidHeartbeatInterval(double seconds) {
  return ApiError(ApiErrorCode::kInvalidHeartbeatInterval,
                  fmt::format("{} s is not between {} and {} s", seconds, kMinHeartbeatInterval,
                              kMaxHeartbeatInterval));
}

Status UnknownFab(std::uint64_t run_id, const std::string& hash) {
  return ApiError(ApiErrorCode::kGetFabFailed,
                  fmt::format("run {} has no FAB with hash '{}'", run_id, hash));
}

}  // namespace

FleetService::FleetService(State state, Notifier& notifier, MessageExchange& exchange,
                           Options options)
    : state_(std::move(state)),
      notifier_(notifier),
      exchange_(exchange),
      options_(std::move(options)) {}

StatusOr<flwr::proto::RegisterNodeFleetResponse> FleetService::RegisterNode(
    const flwr::proto::RegisterNodeFleetRequest& request) {
  if (options_.enable_supernode_auth) {
    return ApiError(ApiErrorCode::kRegistrationDisabled, "");
  }
  NodeRegistration registration;
  registration.public_key = request.public_key();
  const StatusOr<std::uint64_t> node_id = state_.link_state->CreateNode(registration, Now());
  if (node_id.status().code() == StatusCode::kAlreadyExists) {
    return ApiError(ApiErrorCode::kPublicKeyInUse, "");
  }
  if (!node_id.ok()) return node_id.status();

  Log(LogLevel::kDebug, "node {} registered itself", *node_id);
  flwr::proto::RegisterNodeFleetResponse response;
  response.set_node_id(*node_id);
  return response;
}

StatusOr<flwr::proto::ActivateNodeResponse> FleetService::ActivateNode(
    const flwr::proto::ActivateNodeRequest& request) {
  const StatusOr<std::uint64_t> node_id =
      state_.link_state->ActivateNode(request.public_key(), request.heartbeat_interval(), Now());
  switch (node_id.status().code()) {
    case StatusCode::kOk:
      break;
    case StatusCode::kInvalidArgument:
      return InvalidHeartbeatInterval(request.heartbeat_interval());
    case StatusCode::kNotFound:
      return ApiError(ApiErrorCode::kActivationFailed, "its public key is not registered");
    case StatusCode::kFailedPrecondition:
      return ApiError(ApiErrorCode::kActivationFailed, "it is online already");
    default:
      return node_id.status();
  }

  Log(LogLevel::kInfo, "node {} is online", *node_id);
  notifier_.Notify({Topic::kNodes, 0});
  flwr::proto::ActivateNodeResponse response;
  response.set_node_id(*node_id);
  return response;
}

StatusOr<flwr::proto::DeactivateNodeResponse> FleetService::DeactivateNode(std::uint64_t node_id) {
  const Status status = state_.link_state->DeactivateNode(node_id, Now());
  if (status.code() == StatusCode::kFailedPrecondition) {
    return ApiError(ApiErrorCode::kDeactivationFailed, "it is not online");
  }
  FLWRCPP_RETURN_IF_ERROR(status);

  Log(LogLevel::kInfo, "node {} left", node_id);
  notifier_.Notify({Topic::kNodes, 0});
  return flwr::proto::DeactivateNodeResponse();
}

StatusOr<flwr::proto::UnregisterNodeFleetResponse> FleetService::UnregisterNode(
    std::uint64_t node_id) {
  if (options_.enable_supernode_auth) {
    return ApiError(ApiErrorCode::kUnregistrationDisabled, "");
  }
  const Status status = state_.link_state->UnregisterNode(node_id, Now());
  if (status.code() == StatusCode::kNotFound) {
    return ApiError(ApiErrorCode::kUnregistrationFailed, "it is not registered");
  }
  FLWRCPP_RETURN_IF_ERROR(status);

  Log(LogLevel::kDebug, "node {} unregistered itself", node_id);
  notifier_.Notify({Topic::kNodes, 0});
  return flwr::proto::UnregisterNodeFleetResponse();
}

StatusOr<flwr::proto::SendNodeHeartbeatResponse> FleetService::SendNodeHeartbeat(
    std::uint64_t node_id, const flwr::proto::SendNodeHeartbeatRequest& request) {
  if (!IsHeartbeatInterval(request.heartbeat_interval())) {
    return InvalidHeartbeatInterval(request.heartbeat_interval());
  }
  const double now = Now();
  const StatusOr<NodeInfo> before = state_.link_state->GetNode(node_id, now);
  const Status status =
      state_.link_state->AcknowledgeHeartbeat(node_id, request.heartbeat_interval(), now);
  if (!status.ok() && status.code() != StatusCode::kNotFound) return status;

  // Heartbeats of nodes that are online change nothing that anybody waits for.
  if (status.ok() && before.ok() && before->status != NodeStatus::kOnline) {
    Log(LogLevel::kInfo, "node {} is online again", node_id);
    notifier_.Notify({Topic::kNodes, 0});
  }
  flwr::proto::SendNodeHeartbeatResponse response;
  response.set_success(status.ok());
  return response;
}

StatusOr<PulledInstruction> FleetService::PullMessages(
    std::uint64_t node_id, const flwr::proto::PullMessagesRequest& request) {
  PulledInstruction pulled;
  while (true) {
    FLWRCPP_ASSIGN_OR_RETURN(std::optional<Message> instruction,
                             state_.link_state->NextInstruction(node_id, Now()));
    if (!instruction.has_value()) return pulled;

    const Metadata& metadata = instruction->metadata();
    StatusOr<ObjectTree> tree = state_.object_store->GetTree(metadata.run_id, metadata.message_id);
    if (!tree.ok() && tree.status().code() != StatusCode::kNotFound) {
      ReturnInstruction(node_id, metadata.message_id);
      return tree.status();
    }
    if (!tree.ok()) {
      // Without its objects it is of no use to the node; the ServerApp learns that it is gone.
      Log(LogLevel::kWarning, "instruction {} is dropped: {}", metadata.message_id,
          std::string(tree.status().message()));
      FLWRCPP_RETURN_IF_ERROR(state_.link_state->DeleteMessages({&metadata.message_id, 1}));
      notifier_.Notify({Topic::kReplies, metadata.run_id});
      continue;
    }

    ToStub(*instruction, *pulled.response.add_messages_list());
    ToProto(*tree, *pulled.response.add_message_object_trees());
    pulled.message_id = metadata.message_id;
    CountTraffic(metadata.run_id, pulled.response.ByteSizeLong(), request.ByteSizeLong());
    return pulled;
  }
}

void FleetService::ReturnInstruction(std::uint64_t node_id, const std::string& message_id) {
  const Status status = state_.link_state->UndeliverInstruction(message_id);
  if (!status.ok()) {
    Log(LogLevel::kError, "instruction {} is lost: it could neither be sent nor taken back: {}",
        message_id, std::string(status.message()));
    return;
  }
  notifier_.Notify({Topic::kInstructions, node_id});
}

StatusOr<flwr::proto::PushMessagesResponse> FleetService::PushMessages(
    std::uint64_t node_id, const flwr::proto::PushMessagesRequest& request) {
  if (request.messages_list().empty() || request.message_object_trees().empty()) {
    return InvalidArgument("a push needs one message and its object tree, but has {} and {}",
                           request.messages_list_size(), request.message_object_trees_size());
  }
  FLWRCPP_ASSIGN_OR_RETURN(const Message reply, ReadStub(request.messages_list(0)));
  FLWRCPP_ASSIGN_OR_RETURN(const ObjectTree tree,
                           FromProto(request.message_object_trees(0), kMaxTreeNodes));
  const Metadata& metadata = reply.metadata();
  if (tree.id != metadata.message_id) {
    return InvalidArgument("message {} comes with the object tree of {}", metadata.message_id,
                           tree.id);
  }
  if (metadata.src_node_id != node_id) {
    return MakeError(StatusCode::kPermissionDenied,
                     "node {} cannot push a message whose source is {}", node_id,
                     metadata.src_node_id);
  }
  FLWRCPP_RETURN_IF_ERROR(RequireRunning(metadata.run_id, ""));

  StatusOr<PushSession> session = exchange_.AcceptReply(reply, tree);
  if (!session.ok()) {
    if (IsStateFailure(session.status())) return session.status();
    // Flower's peers know a refused reply by nothing but the empty list of objects.
    Log(LogLevel::kWarning, "reply {} of node {} is refused: {}", metadata.message_id, node_id,
        std::string(session.status().message()));
    session = PushSession{RandomUuid(), {}};
  }

  flwr::proto::PushMessagesResponse response;
  response.mutable_reconnect()->set_reconnect(kReconnectHint);
  (*response.mutable_results())[metadata.message_id] = 0;
  for (std::string& id : session->missing) response.add_objects_to_push(std::move(id));
  response.set_session_id(std::move(session->session_id));

  CountTraffic(metadata.run_id, response.ByteSizeLong(), request.ByteSizeLong());
  if (request.clientapp_runtime_list_size() > 0) {
    const double seconds = request.clientapp_runtime_list(0);
    if (std::isfinite(seconds) && seconds >= 0) {
      FLWRCPP_RETURN_IF_ERROR(state_.link_state->AddClientAppRuntime(metadata.run_id, seconds));
    }
  }
  return response;
}

StatusOr<flwr::proto::PushObjectResponse> FleetService::PushObject(std::uint64_t run_id,
                                                                   const std::string& object_id,
                                                                   const std::string& session_id,
                                                                   const Bytes& content) {
  FLWRCPP_RETURN_IF_ERROR(RequireRunning(run_id, fmt::format("object {}", object_id)));
  FLWRCPP_ASSIGN_OR_RETURN(const bool stored,
                           exchange_.PutObject(run_id, object_id, session_id, content));
  if (stored) CountTraffic(run_id, 0, content.size());
  flwr::proto::PushObjectResponse response;
  response.set_stored(stored);
  return response;
}

StatusOr<StoredObject> FleetService::PullObject(const flwr::proto::PullObjectRequest& request) {
  FLWRCPP_RETURN_IF_ERROR(
      RequireRunning(request.run_id(), fmt::format("object {}", request.object_id())));
  FLWRCPP_ASSIGN_OR_RETURN(StoredObject stored,
                           exchange_.GetObject(request.run_id(), request.object_id()));
  if (stored.state == ObjectState::kAvailable) {
    CountTraffic(request.run_id(), stored.object.size(), 0);
  }
  return stored;
}

StatusOr<flwr::proto::ConfirmMessageReceivedResponse> FleetService::ConfirmMessageReceived(
    std::uint64_t node_id, const flwr::proto::ConfirmMessageReceivedRequest& request) {
  FLWRCPP_RETURN_IF_ERROR(RequireRunning(request.run_id(), ""));
  const StatusOr<Metadata> metadata =
      state_.link_state->GetMessageMetadata(request.message_object_id());
  // A message that is gone has taken its objects along: nothing is left to do.
  if (metadata.status().code() == StatusCode::kNotFound) {
    return flwr::proto::ConfirmMessageReceivedResponse();
  }
  if (!metadata.ok()) return metadata.status();
  if (metadata->dst_node_id != node_id) {
    return MakeError(StatusCode::kPermissionDenied, "message {} is not for node {}",
                     metadata->message_id, node_id);
  }
  FLWRCPP_RETURN_IF_ERROR(state_.link_state->ConfirmInstruction(metadata->message_id));
  FLWRCPP_RETURN_IF_ERROR(
      state_.object_store->Confirm(request.run_id(), request.message_object_id()));
  return flwr::proto::ConfirmMessageReceivedResponse();
}

StatusOr<flwr::proto::GetRunResponse> FleetService::GetRun(
    const flwr::proto::GetRunRequest& request) {
  const StatusOr<RunInfo> run = state_.link_state->GetRun(request.run_id());
  if (run.status().code() == StatusCode::kNotFound) {
    return ApiError(ApiErrorCode::kGetRunFailed,
                    fmt::format("there is no run {}", request.run_id()));
  }
  if (!run.ok()) return run.status();
  FLWRCPP_RETURN_IF_ERROR(RequireRunning(request.run_id(), ""));

  flwr::proto::GetRunResponse response;
  ToProto(*run, *response.mutable_run());
  return response;
}

StatusOr<flwr::proto::GetFabResponse> FleetService::GetFab(
    const flwr::proto::GetFabRequest& request) {
  const StatusOr<RunInfo> run = state_.link_state->GetRun(request.run_id());
  if (run.status().code() == StatusCode::kNotFound) {
    return ApiError(ApiErrorCode::kGetFabFailed,
                    fmt::format("there is no run {}", request.run_id()));
  }
  if (!run.ok()) return run.status();
  FLWRCPP_RETURN_IF_ERROR(RequireRunning(request.run_id(), ""));
  const std::string& hash = request.hash_str();
  StatusOr<Bytes> fab = UnknownFab(request.run_id(), hash);
  if (!hash.empty() && hash == run->fab_hash) fab = state_.run_archive->GetFab(hash);
  if (fab.status().code() == StatusCode::kNotFound) fab = UnknownFab(request.run_id(), hash);
  if (!fab.ok()) return fab.status();
  flwr::proto::GetFabResponse response;
  response.mutable_fab()->set_hash_str(hash);
  response.mutable_fab()->set_content(std::string(fab->view()));
  return response;
}

StatusOr<std::uint64_t> FleetService::FindNode(const std::string& public_key) {
  return state_.link_state->FindNodeByKey(public_key);
}

void FleetService::CountTraffic(std::uint64_t run_id, std::uint64_t bytes_sent,
                                std::uint64_t bytes_recv) {
  const Status status = state_.link_state->AddTraffic(run_id, bytes_sent, bytes_recv);
  if (!status.ok()) {
    Log(LogLevel::kWarning, "traffic of run {} is not counted: {}", run_id,
        std::string(status.message()));
  }
}

Status FleetService::RequireRunning(std::uint64_t run_id, const std::string& extra) {
  const StatusOr<RunStatus> status = state_.link_state->GetRunStatus(run_id);
  if (!status.ok() && status.status().code() != StatusCode::kNotFound) return status.status();
  // Stock SuperLinks fail with an unexpected error for an unknown run; to a node it is the same
  // as one that is over.
  if (status.ok() && *status == RunStatus::kRunning) return absl::OkStatus();
  return ApiError(ApiErrorCode::kRunStatusNotAllowed, extra);
}

}  // namespace flwrcpp::internal
