// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/state/memory_link_state.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {
namespace {

/// Tags a node whose time is up.
void BringUpToDate(NodeInfo& node, double now) {
  if (node.status != NodeStatus::kOnline || node.online_until > now) return;
  node.status = NodeStatus::kOffline;
  node.last_deactivated_at = node.online_until;
}

void SetOnline(NodeInfo& node, double heartbeat_interval, double now) {
  if (node.status != NodeStatus::kOnline) node.last_activated_at = now;
  node.status = NodeStatus::kOnline;
  node.heartbeat_interval = heartbeat_interval;
  node.online_until = now + kHeartbeatPatience * heartbeat_interval;
}

}  // namespace

NodeInfo* MemoryLinkState::FindNodeLocked(std::uint64_t node_id, double now) {
  const auto found = nodes_.find(node_id);
  if (found == nodes_.end() || found->second.status == NodeStatus::kUnregistered) return nullptr;
  BringUpToDate(found->second, now);
  return &found->second;
}

StatusOr<std::uint64_t> MemoryLinkState::CreateNode(const NodeRegistration& registration,
                                                    double now) {
  if (registration.public_key.empty()) return InvalidArgument("node without public key");
  NodeInfo node;
  node.public_key = registration.public_key;
  node.owner_id = registration.owner_id;
  node.owner_name = registration.owner_name;
  node.heartbeat_interval = registration.heartbeat_interval;
  node.location = registration.location;
  node.name = registration.name;
  node.registered_at = now;

  const std::lock_guard lock(mutex_);
  if (node_by_key_.contains(node.public_key)) {
    return MakeError(StatusCode::kAlreadyExists, "this public key is, or was, a node's");
  }
  do {
    node.node_id = RandomId();
  } while (nodes_.contains(node.node_id));
  const std::uint64_t node_id = node.node_id;
  node_by_key_.emplace(node.public_key, node_id);
  node_order_.push_back(node_id);
  nodes_.emplace(node_id, std::move(node));
  return node_id;
}

StatusOr<std::uint64_t> MemoryLinkState::ActivateNode(const std::string& public_key,
                                                      double heartbeat_interval, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckHeartbeatInterval(heartbeat_interval));
  const std::lock_guard lock(mutex_);
  const auto known = node_by_key_.find(public_key);
  NodeInfo* const node = known == node_by_key_.end() ? nullptr : FindNodeLocked(known->second, now);
  if (node == nullptr) return UnknownKey();
  if (node->status == NodeStatus::kOnline) {
    return MakeError(StatusCode::kFailedPrecondition, "node {} is online until {}", node->node_id,
                     node->online_until);
  }
  SetOnline(*node, heartbeat_interval, now);
  return node->node_id;
}

Status MemoryLinkState::DeactivateNode(std::uint64_t node_id, double now) {
  const std::lock_guard lock(mutex_);
  NodeInfo* const node = FindNodeLocked(node_id, now);
  if (node == nullptr || node->status != NodeStatus::kOnline) {
    return MakeError(StatusCode::kFailedPrecondition, "node {} is not online", node_id);
  }
  node->status = NodeStatus::kOffline;
  node->last_deactivated_at = now;
  node->online_until = now;
  return absl::OkStatus();
}

Status MemoryLinkState::UnregisterNode(std::uint64_t node_id, double now) {
  const std::lock_guard lock(mutex_);
  NodeInfo* const node = FindNodeLocked(node_id, now);
  if (node == nullptr) return UnknownNode(node_id);
  if (node->status == NodeStatus::kOnline) {
    node->last_deactivated_at = now;
    node->online_until = now;
  }
  node->status = NodeStatus::kUnregistered;
  node->unregistered_at = now;
  queues_.erase(node_id);
  return absl::OkStatus();
}

Status MemoryLinkState::AcknowledgeHeartbeat(std::uint64_t node_id, double heartbeat_interval,
                                             double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckHeartbeatInterval(heartbeat_interval));
  const std::lock_guard lock(mutex_);
  NodeInfo* const node = FindNodeLocked(node_id, now);
  if (node == nullptr) return UnknownNode(node_id);
  SetOnline(*node, heartbeat_interval, now);
  return absl::OkStatus();
}

StatusOr<std::uint64_t> MemoryLinkState::FindNodeByKey(const std::string& public_key) {
  const std::lock_guard lock(mutex_);
  const auto known = node_by_key_.find(public_key);
  if (known == node_by_key_.end() || nodes_.at(known->second).status == NodeStatus::kUnregistered) {
    return UnknownKey();
  }
  return known->second;
}

StatusOr<NodeInfo> MemoryLinkState::GetNode(std::uint64_t node_id, double now) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node_id);
  if (found == nodes_.end()) return UnknownNode(node_id);
  BringUpToDate(found->second, now);
  return found->second;
}

StatusOr<std::vector<NodeInfo>> MemoryLinkState::ListNodes(const NodeFilter& filter, double now) {
  std::vector<NodeInfo> list;
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t node_id : node_order_) {
    NodeInfo& node = nodes_.at(node_id);
    BringUpToDate(node, now);
    if (!filter.statuses.empty() && std::find(filter.statuses.begin(), filter.statuses.end(),
                                              node.status) == filter.statuses.end()) {
      continue;
    }
    if (filter.owner_id.has_value() && *filter.owner_id != node.owner_id) continue;
    list.push_back(node);
  }
  return list;
}

StatusOr<std::vector<std::uint64_t>> MemoryLinkState::OnlineNodes(double now) {
  std::vector<std::uint64_t> list;
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t node_id : node_order_) {
    NodeInfo& node = nodes_.at(node_id);
    BringUpToDate(node, now);
    if (node.status == NodeStatus::kOnline) list.push_back(node_id);
  }
  return list;
}

}  // namespace flwrcpp::internal
