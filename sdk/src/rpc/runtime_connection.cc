// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/runtime_connection.h"

#include <array>
#include <chrono>
#include <unordered_set>
#include <utility>

#include "crypto/runtime_auth.h"
#include "flwr/proto/heartbeat.pb.h"
#include "flwr/proto/log.pb.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

using std::chrono::seconds;

constexpr std::size_t kLongList = std::size_t{256} << 20;
/// Room for the fields around an object's content.
constexpr std::size_t kEnvelope = 4096;

constexpr RpcMethod kAcquireTask{"AcquireTask", "/v1/runtime/acquire-task"};
constexpr RpcMethod kSendTaskHeartbeat{"SendTaskHeartbeat", "/v1/runtime/send-task-heartbeat", true,
                                       seconds(5)};
/// Carries the FAB.
constexpr RpcMethod kPullTaskInput{"PullTaskInput", "/v1/runtime/pull-task-input", true,
                                   seconds(30),     std::size_t{512} << 20,        true};
constexpr RpcMethod kPushTaskOutput{"PushTaskOutput", "/v1/runtime/push-task-output"};
/// A log is not worth waiting for: whoever has more of it tries again.
constexpr RpcMethod kPushLogs{"PushLogs", "/v1/runtime/push-logs", false};
constexpr RpcMethod kGetNodes{"GetNodes", "/v1/runtime/get-nodes", true, seconds(30), kLongList};
constexpr RpcMethod kPushMessages{"PushMessages", "/v1/runtime/push-messages", true, seconds(30),
                                  kLongList};
constexpr RpcMethod kPullMessages{"PullMessages", "/v1/runtime/pull-messages", true, seconds(30),
                                  kLongList};
/// A repetition is answered as if the object were refused.
constexpr RpcMethod kPushObject{"PushObject", "/v1/runtime/push-object", false};
/// The bound of its answer is an option.
constexpr RpcMethod kPullObject{"PullObject", "/v1/runtime/pull-object", true, seconds(30), 0,
                                true};
constexpr RpcMethod kConfirmMessageReceived{"ConfirmMessageReceived",
                                            "/v1/runtime/confirm-message-received"};

Status Parse(const RpcMethod& method, const Bytes& answer,
             google::protobuf::MessageLite& response) {
  if (response.ParseFromArray(answer.data(), static_cast<int>(answer.size()))) {
    return absl::OkStatus();
  }
  return MakeError(StatusCode::kInternal, "{}: the answer of {} bytes is no {}", method.name,
                   answer.size(), response.GetTypeName());
}

Message FromStub(const flwr::proto::Message& proto) {
  Metadata metadata = FromProto(proto.metadata());
  if (proto.has_error()) {
    return {std::move(metadata), Error{proto.error().code(), proto.error().reason()}};
  }
  return {std::move(metadata), RecordDict()};
}

}  // namespace

RuntimeConnection::RuntimeConnection(const Endpoint& endpoint, std::string component,
                                     Options options, Clock& clock)
    : channel_(endpoint, std::move(component)), options_(options), clock_(clock) {}

StatusOr<Bytes> RuntimeConnection::Call(const RpcMethod& method, std::span<const Bytes> body,
                                        std::span<const HttpHeader> headers, std::stop_token stop) {
  const std::size_t max_response_bytes = method.max_response_bytes != 0
                                             ? method.max_response_bytes
                                             : options_.max_object_bytes + kEnvelope;
  Backoff backoff(options_.retry, clock_);
  while (true) {
    const StatusOr<Bytes> answer = channel_.Post({method, body, headers, max_response_bytes}, stop);
    if (answer.ok()) return answer;
    Status status = Annotate(answer.status(), std::string(method.name));
    if (!method.retry || !IsRetryable(status)) return status;
    if (!backoff.Wait(status, stop)) {
      if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
      return status;
    }
  }
}

Status RuntimeConnection::CallProto(const RpcMethod& method,
                                    const google::protobuf::MessageLite& request,
                                    google::protobuf::MessageLite& response, std::stop_token stop) {
  const std::array body = {Bytes(request.SerializeAsString())};
  const std::array headers = {HttpHeader{kTaskTokenHeader, token_}};
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes answer, Call(method, body, headers, std::move(stop)));
  return Parse(method, answer, response);
}

StatusOr<std::optional<ClaimedTask>> RuntimeConnection::AcquireTask(std::string_view type,
                                                                    std::string_view secret,
                                                                    std::stop_token stop) {
  flwr::proto::AcquireTaskRequest request;
  request.add_supported_task_types(std::string(type));
  const std::array body = {Bytes(request.SerializeAsString())};
  Backoff backoff(options_.retry, clock_);
  while (true) {
    // Signed anew for each attempt: a nonce may be used once.
    SuperExecCredentials signed_claim;
    std::vector<HttpHeader> headers;
    if (!secret.empty()) {
      signed_claim = SignClaim(SuperExecKey(secret), body[0].view(), clock_.Unix());
      headers = {{superexec_auth::kTimestampHeader, signed_claim.timestamp},
                 {superexec_auth::kNonceHeader, signed_claim.nonce},
                 {superexec_auth::kBodyHeader, signed_claim.body_sha256},
                 {superexec_auth::kSignatureHeader, signed_claim.signature}};
    }
    const StatusOr<Bytes> answer =
        channel_.Post({kAcquireTask, body, headers, kAcquireTask.max_response_bytes}, stop);
    if (answer.ok()) {
      flwr::proto::AcquireTaskResponse response;
      FLWRCPP_RETURN_IF_ERROR(Parse(kAcquireTask, *answer, response));
      if (response.token().empty()) return std::nullopt;
      return ClaimedTask{response.task().run_id(), response.token()};
    }
    if (answer.status().code() == StatusCode::kUnauthenticated) {
      return Annotate(answer.status(), "the SuperLink does not trust this executor's secret");
    }
    if (!IsRetryable(answer.status()) || !backoff.Wait(answer.status(), stop)) {
      if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
      return Annotate(answer.status(), std::string(kAcquireTask.name));
    }
  }
}

StatusOr<bool> RuntimeConnection::SendTaskHeartbeat(std::stop_token stop) {
  flwr::proto::SendTaskHeartbeatResponse response;
  FLWRCPP_RETURN_IF_ERROR(CallProto(kSendTaskHeartbeat, flwr::proto::SendTaskHeartbeatRequest(),
                                    response, std::move(stop)));
  return response.success();
}

StatusOr<flwr::proto::PullTaskInputResponse> RuntimeConnection::PullTaskInput(
    std::stop_token stop) {
  flwr::proto::PullTaskInputResponse response;
  FLWRCPP_RETURN_IF_ERROR(
      CallProto(kPullTaskInput, flwr::proto::PullTaskInputRequest(), response, std::move(stop)));
  return response;
}

Status RuntimeConnection::PushTaskOutput(const flwr::proto::PushTaskOutputRequest& output,
                                         std::stop_token stop) {
  flwr::proto::PushTaskOutputResponse response;
  return CallProto(kPushTaskOutput, output, response, std::move(stop));
}

Status RuntimeConnection::PushLogs(std::uint64_t run_id, std::string text, std::stop_token stop) {
  flwr::proto::PushLogsRequest request;
  flwr::proto::PushLogsResponse response;
  request.mutable_node()->set_node_id(kSuperLinkNodeId);
  request.set_run_id(run_id);
  request.add_logs(std::move(text));
  return CallProto(kPushLogs, request, response, std::move(stop));
}

StatusOr<std::vector<std::uint64_t>> RuntimeConnection::GetNodes(std::stop_token stop) {
  flwr::proto::GetNodesResponse response;
  FLWRCPP_RETURN_IF_ERROR(
      CallProto(kGetNodes, flwr::proto::GetNodesRequest(), response, std::move(stop)));
  std::vector<std::uint64_t> ids;
  for (const flwr::proto::NodeInfo& node : response.nodes()) ids.push_back(node.node_id());
  return ids;
}

StatusOr<AppPushTicket> RuntimeConnection::PushMessages(std::span<const flwr::proto::Message> stubs,
                                                        std::span<const ObjectTree> trees,
                                                        std::stop_token stop) {
  flwr::proto::PushAppMessagesRequest request;
  flwr::proto::PushAppMessagesResponse response;
  for (const flwr::proto::Message& stub : stubs) *request.add_messages_list() = stub;
  for (const ObjectTree& tree : trees) ToProto(tree, *request.add_message_object_trees());
  FLWRCPP_RETURN_IF_ERROR(CallProto(kPushMessages, request, response, std::move(stop)));
  if (static_cast<std::size_t>(response.message_ids_size()) != stubs.size()) {
    return MakeError(StatusCode::kInternal, "PushMessages: {} messages are answered by {} ids",
                     stubs.size(), response.message_ids_size());
  }
  AppPushTicket ticket;
  ticket.message_ids.assign(response.message_ids().begin(), response.message_ids().end());
  ticket.session_id = response.session_id();
  std::unordered_set<std::string_view> seen;
  for (const std::string& id : response.objects_to_push()) {
    if (seen.insert(id).second) ticket.objects_to_push.push_back(id);
  }
  return ticket;
}

StatusOr<std::vector<PulledStub>> RuntimeConnection::PullMessages(
    std::span<const std::string> message_ids, std::stop_token stop) {
  flwr::proto::PullAppMessagesRequest request;
  flwr::proto::PullAppMessagesResponse response;
  for (const std::string& id : message_ids) request.add_message_ids(id);
  FLWRCPP_RETURN_IF_ERROR(CallProto(kPullMessages, request, response, std::move(stop)));
  std::vector<PulledStub> pulled;
  for (int i = 0; i < response.messages_list_size(); ++i) {
    StatusOr<ObjectTree> tree = InvalidArgument("it has no object tree");
    if (i < response.message_object_trees_size()) {
      tree = FromProto(response.message_object_trees(i), options_.max_tree_nodes);
    }
    pulled.push_back({FromStub(response.messages_list(i)), std::move(tree)});
  }
  return pulled;
}

StatusOr<bool> RuntimeConnection::PushObject(std::uint64_t node_id, std::uint64_t run_id,
                                             const std::string& session_id, const Object& object,
                                             std::stop_token stop) {
  const std::array body = {
      Bytes(PushObjectRequestFront(node_id, run_id, object.id, session_id, object.size())),
      object.head, object.body};
  const std::array headers = {HttpHeader{kTaskTokenHeader, token_}};
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes answer, Call(kPushObject, body, headers, std::move(stop)));
  flwr::proto::PushObjectResponse response;
  FLWRCPP_RETURN_IF_ERROR(Parse(kPushObject, answer, response));
  return response.stored();
}

StatusOr<PullObjectView> RuntimeConnection::PullObject(std::uint64_t node_id, std::uint64_t run_id,
                                                       const std::string& object_id,
                                                       std::stop_token stop) {
  flwr::proto::PullObjectRequest request;
  request.mutable_node()->set_node_id(node_id);
  request.set_run_id(run_id);
  request.set_object_id(object_id);
  const std::array body = {Bytes(request.SerializeAsString())};
  const std::array headers = {HttpHeader{kTaskTokenHeader, token_}};
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes answer, Call(kPullObject, body, headers, std::move(stop)));
  StatusOr<PullObjectView> view = ParsePullObjectResponse(answer);
  if (!view.ok()) {
    return MakeError(StatusCode::kInternal, "PullObject: {}", std::string(view.status().message()));
  }
  return view;
}

Status RuntimeConnection::ConfirmMessageReceived(std::uint64_t node_id, std::uint64_t run_id,
                                                 const std::string& message_id,
                                                 std::stop_token stop) {
  flwr::proto::ConfirmMessageReceivedRequest request;
  flwr::proto::ConfirmMessageReceivedResponse response;
  request.mutable_node()->set_node_id(node_id);
  request.set_run_id(run_id);
  request.set_message_object_id(message_id);
  return CallProto(kConfirmMessageReceived, request, response, std::move(stop));
}

}  // namespace flwrcpp::internal
