// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/fleet_api.h"

#include <array>
#include <boost/asio/this_coro.hpp>
#include <limits>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/wire.h"
#include "superlink/api_error.h"
#include "superlink/waker.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;

/// About 2 KB each.
constexpr std::size_t kMaxKeptKeys = 16384;

constexpr std::array kRpcNames = {
    FleetRpcName{FleetRpc::kRegisterNode, "RegisterNode", "register-node"},
    FleetRpcName{FleetRpc::kActivateNode, "ActivateNode", "activate-node"},
    FleetRpcName{FleetRpc::kDeactivateNode, "DeactivateNode", "deactivate-node"},
    FleetRpcName{FleetRpc::kUnregisterNode, "UnregisterNode", "unregister-node"},
    FleetRpcName{FleetRpc::kSendNodeHeartbeat, "SendNodeHeartbeat", "send-node-heartbeat"},
    FleetRpcName{FleetRpc::kPullMessages, "PullMessages", "pull-messages"},
    FleetRpcName{FleetRpc::kPushMessages, "PushMessages", "push-messages"},
    FleetRpcName{FleetRpc::kPullObject, "PullObject", "pull-object"},
    FleetRpcName{FleetRpc::kPushObject, "PushObject", "push-object"},
    FleetRpcName{FleetRpc::kConfirmMessageReceived, "ConfirmMessageReceived",
                 "confirm-message-received"},
    FleetRpcName{FleetRpc::kGetRun, "GetRun", "get-run"},
    FleetRpcName{FleetRpc::kGetFab, "GetFab", "get-fab"},
    FleetRpcName{FleetRpc::kCreateNode, "CreateNode", ""},
    FleetRpcName{FleetRpc::kDeleteNode, "DeleteNode", ""},
    FleetRpcName{FleetRpc::kPing, "Ping", ""},
};

/// The node that a request says it comes from.
template <typename Request>
std::uint64_t NodeOf(const Request& request) {
  if constexpr (requires { request.node(); }) {
    return request.node().node_id();
  } else {
    return request.node_id();
  }
}

}  // namespace

std::span<const FleetRpcName> FleetRpcNames() { return kRpcNames; }

FleetApi::FleetApi(FleetService& service, Notifier& notifier, Options options)
    : service_(service),
      notifier_(notifier),
      options_(std::move(options)),
      authenticator_(kMaxKeptKeys),
      early_nodes_(service) {}

asio::awaitable<StatusOr<ApiReply>> FleetApi::Handle(FleetRequest call, Caller& caller) {
  if (call.rpc == FleetRpc::kPullMessages) {
    co_return co_await HandlePull(std::move(call), caller);
  }
  co_return HandleAtOnce(call);
}

void FleetApi::Stop() {
  stopping_ = true;
  notifier_.NotifyAll();
}

StatusOr<ApiReply> FleetApi::HandleAtOnce(const FleetRequest& call) {
  switch (call.rpc) {
    case FleetRpc::kRegisterNode: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::RegisterNodeFleetRequest>(call));
      return Serialize(service_.RegisterNode(request));
    }
    case FleetRpc::kActivateNode: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::ActivateNodeRequest>(call));
      return Serialize(service_.ActivateNode(request));
    }
    case FleetRpc::kDeactivateNode: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::DeactivateNodeRequest>(call));
      return Serialize(service_.DeactivateNode(request.node_id()));
    }
    case FleetRpc::kUnregisterNode: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::UnregisterNodeFleetRequest>(call));
      return Serialize(service_.UnregisterNode(request.node_id()));
    }
    case FleetRpc::kSendNodeHeartbeat: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::SendNodeHeartbeatRequest>(call));
      return Serialize(service_.SendNodeHeartbeat(NodeOf(request), request));
    }
    case FleetRpc::kPushMessages: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::PushMessagesRequest>(call));
      return Serialize(service_.PushMessages(NodeOf(request), request));
    }
    case FleetRpc::kPullObject: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::PullObjectRequest>(call));
      FLWRCPP_RETURN_IF_ERROR(early_nodes_.CheckPull(NodeOf(request)));
      FLWRCPP_ASSIGN_OR_RETURN(const StoredObject stored, service_.PullObject(request));
      return Serialize(stored);
    }
    case FleetRpc::kPushObject: {
      // Read by hand: protobuf would copy the object.
      const StatusOr<PushObjectView> request = ParsePushObjectRequest(call.body);
      if (!request.ok()) return ApiError(ApiErrorCode::kInvalidProtobuf, "");
      FLWRCPP_RETURN_IF_ERROR(CheckSignature(call));
      FLWRCPP_RETURN_IF_ERROR(CheckIsNode(call, request->node_id));
      return Serialize(service_.PushObject(request->run_id, request->object_id, request->session_id,
                                           request->content));
    }
    case FleetRpc::kConfirmMessageReceived: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               Authenticate<flwr::proto::ConfirmMessageReceivedRequest>(call));
      return Serialize(service_.ConfirmMessageReceived(NodeOf(request), request));
    }
    case FleetRpc::kGetRun: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request, Authenticate<flwr::proto::GetRunRequest>(call));
      early_nodes_.AskedForRun(NodeOf(request));
      return Serialize(service_.GetRun(request));
    }
    case FleetRpc::kGetFab: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request, Authenticate<flwr::proto::GetFabRequest>(call));
      return Serialize(service_.GetFab(request));
    }
    case FleetRpc::kCreateNode:
    case FleetRpc::kDeleteNode:
    case FleetRpc::kPing:
      return HandleEarly(call);
    case FleetRpc::kPullMessages:
      break;  // Handled by HandlePull.
  }
  return MakeError(StatusCode::kUnimplemented, "there is no such call");
}

StatusOr<ApiReply> FleetApi::HandleEarly(const FleetRequest& call) {
  // Only releases that are too old do not sign.
  if (call.credentials.ok() && call.credentials->public_pem.empty()) {
    const Status refusal = EarlyNodes::TooOld();
    Log(LogLevel::kWarning, "a node is refused: {}", std::string(refusal.message()));
    return refusal;
  }
  if (call.rpc == FleetRpc::kCreateNode) {
    FLWRCPP_ASSIGN_OR_RETURN(const auto request, ParseRequest<proto::CreateNodeRequest>(call.body));
    FLWRCPP_RETURN_IF_ERROR(CheckSignature(call));
    return Serialize(early_nodes_.Create(call.credentials->public_pem, request));
  }
  // A ping, too, begins with the node.
  FLWRCPP_ASSIGN_OR_RETURN(const auto request, Authenticate<proto::DeleteNodeRequest>(call));
  if (call.rpc == FleetRpc::kPing) return early_nodes_.Pinged(NodeOf(request));
  return Serialize(early_nodes_.Delete(NodeOf(request)));
}

asio::awaitable<StatusOr<ApiReply>> FleetApi::HandlePull(FleetRequest call, Caller& caller) {
  const StatusOr<flwr::proto::PullMessagesRequest> request =
      Authenticate<flwr::proto::PullMessagesRequest>(call);
  if (!request.ok()) co_return request.status();
  const std::uint64_t node_id = NodeOf(*request);
  if (const Status fits = early_nodes_.Check(node_id); !fits.ok()) co_return fits;

  if (options_.pull_wait.count() == 0) co_return Pull(node_id, *request, caller);

  const LatestPulls::Turn turn = latest_pulls_.Take(node_id);
  notifier_.Notify({Topic::kInstructions, node_id});  // wakes the pull that is not the latest now
  StatusOr<ApiReply> reply = Pull(node_id, *request, caller);
  if (!reply.ok() || reply->size() > 0) co_return reply;

  const auto deadline = std::chrono::steady_clock::now() + options_.pull_wait;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto waker = std::make_shared<Waker>(executor);
  const Notifier::Subscription subscription =
      notifier_.Subscribe({Topic::kInstructions, node_id}, [waker] { waker->Wake(); });
  caller.Watch([waker] { waker->Wake(); });
  while (turn.is_latest()) {
    reply = Pull(node_id, *request, caller);
    if (!reply.ok() || reply->size() > 0 || stopping_ ||
        caller.state() != Caller::State::kWaiting || std::chrono::steady_clock::now() >= deadline) {
      break;
    }
    co_await waker->SleepUntil(deadline);
  }
  caller.StopWatching();
  co_return reply;
}

StatusOr<ApiReply> FleetApi::Pull(std::uint64_t node_id,
                                  const flwr::proto::PullMessagesRequest& request, Caller& caller) {
  switch (caller.state()) {
    case Caller::State::kWaiting:
      break;
    case Caller::State::kTalking:
      // It may be taking its leave. If not, it will pull again.
      return ApiReply();
    case Caller::State::kGone:
      return MakeError(StatusCode::kUnavailable, "node {} has gone", node_id);
  }
  const StatusOr<PulledInstruction> pulled = service_.PullMessages(node_id, request);
  if (!pulled.ok()) {
    // A stock node never pulls again after an internal error; it does after this one.
    Log(LogLevel::kError, "pull of node {} failed: {}", node_id, pulled.status().ToString());
    return MakeError(StatusCode::kUnavailable, "messages cannot be pulled now");
  }
  ApiReply reply;
  reply.front = pulled->response.SerializeAsString();
  if (!pulled->message_id.empty()) {
    reply.on_lost = [this, node_id, message_id = pulled->message_id] {
      service_.ReturnInstruction(node_id, message_id);
    };
  }
  return reply;
}

template <typename Request>
StatusOr<Request> FleetApi::Authenticate(const FleetRequest& call) {
  FLWRCPP_ASSIGN_OR_RETURN(Request request, ParseRequest<Request>(call.body));
  FLWRCPP_RETURN_IF_ERROR(CheckSignature(call));
  if constexpr (requires { request.public_key(); }) {
    // A node registers and activates no other key than its own.
    if (request.public_key() != call.credentials->public_pem) {
      return MakeError(StatusCode::kUnauthenticated, "Invalid public key");
    }
  } else {
    FLWRCPP_RETURN_IF_ERROR(CheckIsNode(call, NodeOf(request)));
  }
  return request;
}

Status FleetApi::CheckSignature(const FleetRequest& call) {
  if (!call.credentials.ok()) return call.credentials.status();
  return authenticator_.Verify(*call.credentials, options_.clock());
}

Status FleetApi::CheckIsNode(const FleetRequest& call, std::uint64_t node_id) {
  const StatusOr<std::uint64_t> known = service_.FindNode(call.credentials->public_pem);
  if (!known.ok() && known.status().code() != StatusCode::kNotFound) return known.status();
  if (!known.ok() || *known != node_id) {
    return MakeError(StatusCode::kUnauthenticated, "Invalid node ID");
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
