// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "fleet/fleet_connection.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "crypto/sha256.h"
#include "flwr/proto/fleet.pb.h"
#include "flwr/proto/heartbeat.pb.h"
#include "flwrcpp/proto/early_fleet.pb.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

/// Room for the fields around an object's content.
constexpr std::size_t kEnvelope = 4096;

StatusOr<ObjectTree> TreeOf(const flwr::proto::PullMessagesResponse& response,
                            std::size_t max_nodes) {
  if (response.message_object_trees().empty()) return InvalidArgument("it has no object tree");
  return FromProto(response.message_object_trees(0), max_nodes);
}

}  // namespace

FleetConnection::FleetConnection(std::unique_ptr<FleetTransport> transport, EcPrivateKey key,
                                 Options options, Clock& clock)
    : transport_(std::move(transport)), key_(std::move(key)), options_(options), clock_(clock) {}

/// A signature says nothing but when it was made. Calls that follow each other closely, as those
/// that carry a model's chunks, share one: making and checking it costs both sides half a
/// millisecond each, as much as hashing a megabyte.
NodeCredentials FleetConnection::Credentials() {
  constexpr double kSharedSeconds = 1;
  const std::lock_guard lock(signed_mutex_);
  const double age = clock_.Unix() - signed_at_;
  if (signed_.signature.empty() || !(age >= 0 && age < kSharedSeconds)) {
    signed_at_ = clock_.Unix();
    signed_ = SignNow(key_, signed_at_);
  }
  return signed_;
}

StatusOr<Bytes> FleetConnection::Attempt(const RpcMethod& method, std::span<const Bytes> body,
                                         std::stop_token stop) {
  return AttemptAs(Credentials(), method, body, std::move(stop));
}

StatusOr<Bytes> FleetConnection::AttemptAs(const NodeCredentials& credentials,
                                           const RpcMethod& method, std::span<const Bytes> body,
                                           std::stop_token stop) {
  const std::size_t max_response_bytes = method.max_response_bytes != 0
                                             ? method.max_response_bytes
                                             : options_.max_object_bytes + kEnvelope;
  StatusOr<Bytes> answer =
      transport_->Call({method, body, credentials, max_response_bytes}, std::move(stop));
  if (answer.ok()) return answer;
  Status status = answer.status();
  if (status.code() == StatusCode::kUnauthenticated) {
    status = Annotate(status, "the SuperLink does not accept this node's key, id or clock");
  }
  return Annotate(status, std::string(method.name));
}

StatusOr<Bytes> FleetConnection::Call(const RpcMethod& method, std::span<const Bytes> body,
                                      std::stop_token stop) {
  Backoff backoff(options_.retry, clock_);
  while (true) {
    StatusOr<Bytes> answer = Attempt(method, body, stop);
    if (answer.ok() || !method.retry || !IsRetryable(answer.status())) return answer;
    if (!backoff.Wait(answer.status(), stop)) {
      if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
      return answer;
    }
  }
}

Status FleetConnection::CallProto(const RpcMethod& method,
                                  const google::protobuf::MessageLite& request,
                                  google::protobuf::MessageLite& response, std::stop_token stop) {
  const std::array body = {Bytes(request.SerializeAsString())};
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes answer, Call(method, body, std::move(stop)));
  if (!response.ParseFromArray(answer.data(), static_cast<int>(answer.size()))) {
    return MakeError(StatusCode::kInternal, "{}: the SuperLink's answer of {} bytes is no {}",
                     method.name, answer.size(), response.GetTypeName());
  }
  return absl::OkStatus();
}

StatusOr<std::uint64_t> FleetConnection::RegisterNode(std::stop_token stop) {
  flwr::proto::RegisterNodeFleetRequest request;
  flwr::proto::RegisterNodeFleetResponse response;
  request.set_public_key(key_.public_pem());
  FLWRCPP_RETURN_IF_ERROR(
      CallProto(fleet_method::kRegisterNode, request, response, std::move(stop)));
  return response.node_id();
}

StatusOr<std::uint64_t> FleetConnection::ActivateNode(double heartbeat_interval,
                                                      std::stop_token stop) {
  flwr::proto::ActivateNodeRequest request;
  flwr::proto::ActivateNodeResponse response;
  request.set_public_key(key_.public_pem());
  request.set_heartbeat_interval(heartbeat_interval);
  FLWRCPP_RETURN_IF_ERROR(
      CallProto(fleet_method::kActivateNode, request, response, std::move(stop)));
  return response.node_id();
}

StatusOr<bool> FleetConnection::SendNodeHeartbeat(double heartbeat_interval, std::stop_token stop) {
  flwr::proto::SendNodeHeartbeatRequest request;
  flwr::proto::SendNodeHeartbeatResponse response;
  request.mutable_node()->set_node_id(node_id_);
  request.set_heartbeat_interval(heartbeat_interval);
  FLWRCPP_RETURN_IF_ERROR(
      CallProto(fleet_method::kSendNodeHeartbeat, request, response, std::move(stop)));
  return response.success();
}

StatusOr<std::optional<PulledMessage>> FleetConnection::PullMessages(std::stop_token stop) {
  flwr::proto::PullMessagesRequest request;
  flwr::proto::PullMessagesResponse response;
  request.mutable_node()->set_node_id(node_id_);
  FLWRCPP_RETURN_IF_ERROR(
      CallProto(fleet_method::kPullMessages, request, response, std::move(stop)));
  if (response.messages_list().empty()) return std::nullopt;
  return PulledMessage{FromProto(response.messages_list(0).metadata()),
                       TreeOf(response, options_.max_tree_nodes)};
}

StatusOr<RunDetails> FleetConnection::GetRun(std::uint64_t run_id, std::stop_token stop) {
  flwr::proto::GetRunRequest request;
  flwr::proto::GetRunResponse response;
  request.mutable_node()->set_node_id(node_id_);
  request.set_run_id(run_id);
  FLWRCPP_RETURN_IF_ERROR(CallProto(fleet_method::kGetRun, request, response, std::move(stop)));
  RunDetails run;
  run.series_id = response.run().series_id();
  run.fab_hash = response.run().fab_hash();
  run.override_config = FromProto(response.run().override_config());
  return run;
}

Status FleetConnection::ProbeRun(std::uint64_t run_id, std::stop_token stop) {
  flwr::proto::GetRunRequest request;
  request.mutable_node()->set_node_id(node_id_);
  request.set_run_id(run_id);
  const std::array body = {Bytes(request.SerializeAsString())};
  return Attempt(fleet_method::kGetRun, body, std::move(stop)).status();
}

StatusOr<Bytes> FleetConnection::GetFab(const std::string& hash, std::uint64_t run_id,
                                        std::stop_token stop) {
  flwr::proto::GetFabRequest request;
  request.mutable_node()->set_node_id(node_id_);
  request.set_hash_str(hash);
  request.set_run_id(run_id);
  flwr::proto::GetFabResponse response;
  FLWRCPP_RETURN_IF_ERROR(CallProto(fleet_method::kGetFab, request, response, std::move(stop)));
  Bytes content(std::move(*response.mutable_fab()->mutable_content()));
  const std::string found = Sha256::Hex(content.view());
  if (found != hash) {
    return InvalidArgument("the FAB has hash {}, the run asks for {}", found, hash);
  }
  return content;
}

StatusOr<PullObjectView> FleetConnection::PullObject(std::uint64_t run_id,
                                                     const std::string& object_id,
                                                     std::stop_token stop) {
  flwr::proto::PullObjectRequest request;
  request.mutable_node()->set_node_id(node_id_);
  request.set_run_id(run_id);
  request.set_object_id(object_id);
  const std::array body = {Bytes(request.SerializeAsString())};
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes answer,
                           Call(fleet_method::kPullObject, body, std::move(stop)));
  StatusOr<PullObjectView> view = ParsePullObjectResponse(answer);
  if (!view.ok()) {
    return MakeError(StatusCode::kInternal, "PullObject: {}", std::string(view.status().message()));
  }
  return view;
}

Status FleetConnection::ConfirmMessageReceived(std::uint64_t run_id, const std::string& message_id,
                                               std::stop_token stop) {
  flwr::proto::ConfirmMessageReceivedRequest request;
  flwr::proto::ConfirmMessageReceivedResponse response;
  request.mutable_node()->set_node_id(node_id_);
  request.set_run_id(run_id);
  request.set_message_object_id(message_id);
  return CallProto(fleet_method::kConfirmMessageReceived, request, response, std::move(stop));
}

StatusOr<PushTicket> FleetConnection::PushMessages(const flwr::proto::Message& stub,
                                                   const ObjectTree& tree, double runtime_seconds,
                                                   std::stop_token stop) {
  flwr::proto::PushMessagesRequest request;
  flwr::proto::PushMessagesResponse response;
  request.mutable_node()->set_node_id(node_id_);
  *request.add_messages_list() = stub;
  ToProto(tree, *request.add_message_object_trees());
  request.add_clientapp_runtime_list(runtime_seconds);
  FLWRCPP_RETURN_IF_ERROR(
      CallProto(fleet_method::kPushMessages, request, response, std::move(stop)));
  PushTicket ticket;
  ticket.session_id = response.session_id();
  // Stock names an object once for each of its places in the tree.
  std::unordered_set<std::string_view> seen;
  for (const std::string& id : response.objects_to_push()) {
    if (seen.insert(id).second) ticket.objects_to_push.push_back(id);
  }
  return ticket;
}

StatusOr<bool> FleetConnection::PushObject(std::uint64_t run_id, const std::string& session_id,
                                           const Object& object, std::stop_token stop) {
  const std::array body = {
      Bytes(PushObjectRequestFront(node_id_, run_id, object.id, session_id, object.size())),
      object.head, object.body};
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes answer,
                           Call(fleet_method::kPushObject, body, std::move(stop)));
  flwr::proto::PushObjectResponse response;
  if (!response.ParseFromArray(answer.data(), static_cast<int>(answer.size()))) {
    return MakeError(StatusCode::kInternal, "PushObject: the answer is no PushObjectResponse");
  }
  return response.stored();
}

Status FleetConnection::DeactivateNode(std::stop_token stop) {
  flwr::proto::DeactivateNodeRequest request;
  flwr::proto::DeactivateNodeResponse response;
  request.set_node_id(node_id_);
  return CallProto(fleet_method::kDeactivateNode, request, response, std::move(stop));
}

Status FleetConnection::UnregisterNode(std::stop_token stop) {
  flwr::proto::UnregisterNodeFleetRequest request;
  flwr::proto::UnregisterNodeFleetResponse response;
  request.set_node_id(node_id_);
  return CallProto(fleet_method::kUnregisterNode, request, response, std::move(stop));
}

StatusOr<std::uint64_t> FleetConnection::CreateNode(double heartbeat_interval,
                                                    std::stop_token stop) {
  proto::CreateNodeRequest request;
  proto::CreateNodeResponse response;
  request.set_heartbeat_interval(heartbeat_interval);
  FLWRCPP_RETURN_IF_ERROR(CallProto(fleet_method::kCreateNode, request, response, std::move(stop)));
  return response.node().node_id();
}

Status FleetConnection::DeleteNode(std::stop_token stop) {
  proto::DeleteNodeRequest request;
  proto::DeleteNodeResponse response;
  request.mutable_node()->set_node_id(node_id_);
  return CallProto(fleet_method::kDeleteNode, request, response, std::move(stop));
}

Status FleetConnection::SendLateHeartbeat(double heartbeat_interval, std::stop_token stop) {
  // Before 1.20 a signature holds for 15 s, from then on for 305 s: this is far from both.
  constexpr double kLateSeconds = 100;
  flwr::proto::SendNodeHeartbeatRequest request;
  request.mutable_node()->set_node_id(node_id_);
  request.set_heartbeat_interval(heartbeat_interval);
  const std::array body = {Bytes(request.SerializeAsString())};
  return AttemptAs(SignNow(key_, clock_.Unix() - kLateSeconds), fleet_method::kSendNodeHeartbeat,
                   body, std::move(stop))
      .status();
}

}  // namespace flwrcpp::internal
