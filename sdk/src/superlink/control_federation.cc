// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// The nodes, the one federation and the one account of a SuperLink, in the Control API.

#include <absl/strings/numbers.h>

#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "crypto/ec_key.h"
#include "crypto/node_auth.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "superlink/api_error.h"
#include "superlink/control_service.h"
#include "superlink/node_proto.h"
#include "superlink/run_proto.h"

namespace flwrcpp::internal {
namespace {

/// Seconds between the heartbeats that are expected of a node before it announces its own.
constexpr double kDefaultHeartbeatInterval = 30;

/// A number of degrees within ±`limit`.
bool IsDegrees(std::string_view text, double limit) {
  double degrees = 0;
  return absl::SimpleAtod(absl::string_view(text.data(), text.size()), &degrees) &&
         std::abs(degrees) <= limit;
}

bool IsLocation(std::string_view text) {
  const std::size_t comma = text.find(',');
  return comma != std::string_view::npos && IsDegrees(text.substr(0, comma), 90) &&
         IsDegrees(text.substr(comma + 1), 180);
}

/// What is known of the federation without looking at the state.
void Describe(flwr::proto::Federation& federation) {
  federation.set_name(std::string(kDefaultFederation));
  federation.set_description("All SuperNodes of this SuperLink.");
  flwr::proto::Member* const member = federation.add_members();
  member->mutable_account()->set_id(std::string(kNoAccountId));
  member->mutable_account()->set_name(std::string(kNoAccountName));
  member->set_role("owner");
  federation.set_member_count(1);
}

}  // namespace

StatusOr<flwr::proto::RegisterNodeResponse> ControlService::RegisterNode(
    const flwr::proto::RegisterNodeRequest& request) {
  const StatusOr<EcPublicKey> key = EcPublicKey::Parse(request.public_key());
  if (!key.ok() || !key->is_nist_curve()) return ApiError(ApiErrorCode::kInvalidPublicKey, "");
  if (request.has_location() && !IsLocation(request.location())) {
    return ApiError(ApiErrorCode::kInvalidLocation, request.location());
  }
  NodeRegistration registration;
  // Nodes are known by the text of their keys, as OpenSSL writes it.
  registration.public_key = key->pem();
  registration.heartbeat_interval = kDefaultHeartbeatInterval;
  registration.location = request.location();
  registration.name = request.name();
  const StatusOr<std::uint64_t> node_id = state_.link_state->CreateNode(registration, clock_());
  if (node_id.status().code() == StatusCode::kAlreadyExists) {
    return ApiError(ApiErrorCode::kPublicKeyInUse, "");
  }
  FLWRCPP_RETURN_IF_ERROR(node_id.status());
  Log(LogLevel::kInfo, "node {} registered by a user", *node_id);
  notifier_.Notify({Topic::kNodes, 0});
  flwr::proto::RegisterNodeResponse response;
  response.set_node_id(*node_id);
  return response;
}

StatusOr<flwr::proto::UnregisterNodeResponse> ControlService::UnregisterNode(
    const flwr::proto::UnregisterNodeRequest& request) {
  const Status status = state_.link_state->UnregisterNode(request.node_id(), clock_());
  if (status.code() == StatusCode::kNotFound) {
    return ApiError(ApiErrorCode::kNodeNotFound, "");
  }
  FLWRCPP_RETURN_IF_ERROR(status);
  Log(LogLevel::kInfo, "node {} unregistered by a user", request.node_id());
  notifier_.Notify({Topic::kNodes, 0});
  return flwr::proto::UnregisterNodeResponse();
}

StatusOr<flwr::proto::ListNodesResponse> ControlService::ListNodes(
    const flwr::proto::ListNodesRequest&) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<NodeInfo> nodes, OwnNodes());
  flwr::proto::ListNodesResponse response;
  for (const NodeInfo& node : nodes) ToProto(node, *response.add_nodes_info());
  response.set_now(FormatTimestamp(clock_()));
  return response;
}

StatusOr<flwr::proto::ListFederationsResponse> ControlService::ListFederations(
    const flwr::proto::ListFederationsRequest&) {
  flwr::proto::ListFederationsResponse response;
  Describe(*response.add_federations());
  return response;
}

StatusOr<flwr::proto::ShowFederationResponse> ControlService::ShowFederation(
    const flwr::proto::ShowFederationRequest& request) {
  if (request.federation_name() != kDefaultFederation) {
    return ApiError(ApiErrorCode::kFederationNotFound, request.federation_name());
  }
  FLWRCPP_RETURN_IF_ERROR(runs_.ExpireClaims());
  RunFilter filter;
  filter.account_id = std::string(kNoAccountId);
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<RunInfo> runs, state_.link_state->ListRuns(filter));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<NodeInfo> nodes, OwnNodes());
  flwr::proto::ShowFederationResponse response;
  Describe(*response.mutable_federation());
  for (const NodeInfo& node : nodes) ToProto(node, *response.mutable_federation()->add_nodes());
  for (const RunInfo& run : runs) ToProto(run, *response.mutable_federation()->add_runs());
  response.set_now(FormatTimestamp(clock_()));
  return response;
}

StatusOr<flwr::proto::ConfigureSimulationFederationResponse>
ControlService::ConfigureSimulationFederation(
    const flwr::proto::ConfigureSimulationFederationRequest&) {
  return ApiError(ApiErrorCode::kFederationNotFound, "This SuperLink simulates nothing.");
}

StatusOr<flwr::proto::GetLoginDetailsResponse> ControlService::GetLoginDetails(
    const flwr::proto::GetLoginDetailsRequest&) {
  flwr::proto::GetLoginDetailsResponse response;
  response.set_authn_type("noop");
  return response;
}

StatusOr<flwr::proto::GetAuthTokensResponse> ControlService::GetAuthTokens(
    const flwr::proto::GetAuthTokensRequest&) {
  return ApiError(ApiErrorCode::kNoAccountAuthentication, "");
}

StatusOr<flwr::proto::RefreshAuthTokensResponse> ControlService::RefreshAuthTokens(
    const flwr::proto::RefreshAuthTokensRequest&) {
  return ApiError(ApiErrorCode::kNoAccountAuthentication, "");
}

StatusOr<std::vector<NodeInfo>> ControlService::OwnNodes() {
  NodeFilter filter;
  filter.owner_id = std::string(kNoAccountId);
  return state_.link_state->ListNodes(filter, clock_());
}

}  // namespace flwrcpp::internal
