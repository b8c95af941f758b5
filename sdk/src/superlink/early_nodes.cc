// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/early_nodes.h"

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/releases.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {

StatusOr<proto::CreateNodeResponse> EarlyNodes::Create(const std::string& public_key,
                                                       const proto::CreateNodeRequest& request) {
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key(public_key);
  // It may be registered already, by an operator or by an earlier process: activation tells.
  const Status registered = service_.RegisterNode(registration).status();
  flwr::proto::ActivateNodeRequest activation;
  activation.set_public_key(public_key);
  activation.set_heartbeat_interval(request.heartbeat_interval());
  const StatusOr<flwr::proto::ActivateNodeResponse> activated = service_.ActivateNode(activation);
  if (!activated.ok()) return activated.status();
  Log(LogLevel::kInfo, "node {} joined as Flower before {}.{} does", activated->node_id(),
      release::kRegisteredNodes.major, release::kRegisteredNodes.minor);
  {
    const std::lock_guard lock(mutex_);
    ages_.emplace(activated->node_id(), Age::kUnknown);
  }
  proto::CreateNodeResponse response;
  response.mutable_node()->set_node_id(activated->node_id());
  return response;
}

StatusOr<proto::DeleteNodeResponse> EarlyNodes::Delete(std::uint64_t node_id) {
  FLWRCPP_RETURN_IF_ERROR(service_.DeactivateNode(node_id).status());
  // One that an operator registered stays known.
  const Status unregistered = service_.UnregisterNode(node_id).status();
  const std::lock_guard lock(mutex_);
  ages_.erase(node_id);
  return proto::DeleteNodeResponse();
}

Status EarlyNodes::Pinged(std::uint64_t node_id) {
  const std::lock_guard lock(mutex_);
  const auto found = ages_.find(node_id);
  return found == ages_.end() ? TooOld() : Refuse(node_id, found->second);
}

void EarlyNodes::AskedForRun(std::uint64_t node_id) {
  const std::lock_guard lock(mutex_);
  const auto found = ages_.find(node_id);
  if (found != ages_.end() && found->second == Age::kUnknown) found->second = Age::kFits;
}

Status EarlyNodes::CheckPull(std::uint64_t node_id) {
  const std::lock_guard lock(mutex_);
  const auto found = ages_.find(node_id);
  if (found == ages_.end() || found->second == Age::kFits) return absl::OkStatus();
  return Refuse(node_id, found->second);
}

Status EarlyNodes::Check(std::uint64_t node_id) {
  const std::lock_guard lock(mutex_);
  const auto found = ages_.find(node_id);
  return found == ages_.end() || found->second != Age::kTooOld ? absl::OkStatus() : TooOld();
}

Status EarlyNodes::Refuse(std::uint64_t node_id, Age& age) {
  if (age != Age::kTooOld) {
    age = Age::kTooOld;
    Log(LogLevel::kWarning, "node {} is refused: {}", node_id, std::string(TooOld().message()));
  }
  return TooOld();
}

Status EarlyNodes::TooOld() {
  return MakeError(StatusCode::kUnimplemented, "{}",
                   TooOldMessage("this SuperNode", release::kOldestNode));
}

}  // namespace flwrcpp::internal
