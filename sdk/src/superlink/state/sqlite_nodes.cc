// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/state/sqlite_link_state.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {
namespace {

#define FLWRCPP_NODE_COLUMNS                                                              \
  "node_id, public_key, owner_id, owner_name, status, registered_at, last_activated_at, " \
  "last_deactivated_at, unregistered_at, online_until, heartbeat_interval, location, name"

NodeInfo ReadNode(const SqliteQuery& row) {
  NodeInfo node;
  node.node_id = row.Id(0);
  node.public_key = row.Text(1);
  node.owner_id = row.Text(2);
  node.owner_name = row.Text(3);
  node.status = static_cast<NodeStatus>(std::clamp<std::int64_t>(row.Integer(4), 0, 3));
  node.registered_at = row.Real(5);
  node.last_activated_at = row.Real(6);
  node.last_deactivated_at = row.Real(7);
  node.unregistered_at = row.Real(8);
  node.online_until = row.Real(9);
  node.heartbeat_interval = row.Real(10);
  node.location = row.Text(11);
  node.name = row.Text(12);
  return node;
}

// The numbers that queries spell out.
static_assert(static_cast<int>(NodeStatus::kOnline) == 1);
static_assert(static_cast<int>(NodeStatus::kOffline) == 2);
static_assert(static_cast<int>(NodeStatus::kUnregistered) == 3);

}  // namespace

Status SqliteLinkState::BringNodesUpToDateLocked(double now) {
  return database().Run(
      "UPDATE node SET status = 2, last_deactivated_at = online_until "
      "WHERE status = 1 AND online_until <= ?",
      {now});
}

StatusOr<std::optional<NodeStatus>> SqliteLinkState::FindNodeStatusLocked(std::uint64_t node_id) {
  FLWRCPP_ASSIGN_OR_RETURN(
      const std::optional<std::int64_t> status,
      database().Lookup("SELECT status FROM node WHERE node_id = ? AND status <> 3", {node_id}));
  if (!status.has_value()) return std::optional<NodeStatus>();
  return std::optional(static_cast<NodeStatus>(*status));
}

Status SqliteLinkState::SetOnlineLocked(std::uint64_t node_id, double heartbeat_interval,
                                        double now) {
  return database().Run(
      "UPDATE node SET last_activated_at = iif(status = 1, last_activated_at, ?1), status = 1, "
      "heartbeat_interval = ?2, online_until = ?3 WHERE node_id = ?4",
      {now, heartbeat_interval, now + kHeartbeatPatience * heartbeat_interval, node_id});
}

StatusOr<std::uint64_t> SqliteLinkState::CreateNode(const NodeRegistration& registration,
                                                    double now) {
  if (registration.public_key.empty()) return InvalidArgument("node without public key");
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto known,
      database().Lookup("SELECT 1 FROM node WHERE public_key = ?", {registration.public_key}));
  if (known.has_value()) {
    return MakeError(StatusCode::kAlreadyExists, "this public key is, or was, a node's");
  }
  // A random id that is taken fails the insertion, once in 2^64 divided by the number of nodes.
  const std::uint64_t node_id = RandomId();
  FLWRCPP_RETURN_IF_ERROR(database().Run(
      "INSERT INTO node (node_id, public_key, owner_id, owner_name, status, registered_at, "
      "heartbeat_interval, location, name) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)",
      {node_id, registration.public_key, registration.owner_id, registration.owner_name, now,
       registration.heartbeat_interval, registration.location, registration.name}));
  return node_id;
}

StatusOr<std::uint64_t> SqliteLinkState::ActivateNode(const std::string& public_key,
                                                      double heartbeat_interval, double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckHeartbeatInterval(heartbeat_interval));
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  std::uint64_t node_id = 0;
  {
    SqliteQuery node = database().Query(
        "SELECT node_id, status, online_until FROM node WHERE public_key = ? AND status <> 3",
        {public_key});
    const bool found = node.Next();
    FLWRCPP_RETURN_IF_ERROR(node.status());
    if (!found) return UnknownKey();
    node_id = node.Id(0);
    if (node.Integer(1) == 1) {
      return MakeError(StatusCode::kFailedPrecondition, "node {} is online until {}", node_id,
                       node.Real(2));
    }
  }
  FLWRCPP_RETURN_IF_ERROR(SetOnlineLocked(node_id, heartbeat_interval, now));
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return node_id;
}

Status SqliteLinkState::DeactivateNode(std::uint64_t node_id, double now) {
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("UPDATE node SET status = 2, last_deactivated_at = ?1, online_until = ?1 "
                     "WHERE node_id = ?2 AND status = 1",
                     {now, node_id}));
  if (database().changes() == 0) {
    return MakeError(StatusCode::kFailedPrecondition, "node {} is not online", node_id);
  }
  return transaction.Commit();
}

Status SqliteLinkState::UnregisterNode(std::uint64_t node_id, double now) {
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  FLWRCPP_RETURN_IF_ERROR(database().Run(
      "UPDATE node SET last_deactivated_at = iif(status = 1, ?1, last_deactivated_at), "
      "online_until = iif(status = 1, ?1, online_until), status = 3, unregistered_at = ?1 "
      "WHERE node_id = ?2 AND status <> 3",
      {now, node_id}));
  if (database().changes() == 0) return UnknownNode(node_id);
  return transaction.Commit();
}

Status SqliteLinkState::AcknowledgeHeartbeat(std::uint64_t node_id, double heartbeat_interval,
                                             double now) {
  FLWRCPP_RETURN_IF_ERROR(CheckHeartbeatInterval(heartbeat_interval));
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  FLWRCPP_ASSIGN_OR_RETURN(const auto status, FindNodeStatusLocked(node_id));
  if (!status.has_value()) return UnknownNode(node_id);
  FLWRCPP_RETURN_IF_ERROR(SetOnlineLocked(node_id, heartbeat_interval, now));
  return transaction.Commit();
}

StatusOr<std::uint64_t> SqliteLinkState::FindNodeByKey(const std::string& public_key) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto node_id,
      database().Lookup("SELECT node_id FROM node WHERE public_key = ? AND status <> 3",
                        {public_key}));
  if (!node_id.has_value()) return UnknownKey();
  return static_cast<std::uint64_t>(*node_id);
}

StatusOr<NodeInfo> SqliteLinkState::GetNode(std::uint64_t node_id, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  SqliteQuery node =
      database().Query("SELECT " FLWRCPP_NODE_COLUMNS " FROM node WHERE node_id = ?", {node_id});
  if (node.Next()) return ReadNode(node);
  FLWRCPP_RETURN_IF_ERROR(node.status());
  return UnknownNode(node_id);
}

StatusOr<std::vector<NodeInfo>> SqliteLinkState::ListNodes(const NodeFilter& filter, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  std::vector<NodeInfo> list;
  SqliteQuery row = database().Query("SELECT " FLWRCPP_NODE_COLUMNS " FROM node ORDER BY seq");
  while (row.Next()) {
    NodeInfo node = ReadNode(row);
    if (!filter.statuses.empty() && std::find(filter.statuses.begin(), filter.statuses.end(),
                                              node.status) == filter.statuses.end()) {
      continue;
    }
    if (filter.owner_id.has_value() && *filter.owner_id != node.owner_id) continue;
    list.push_back(std::move(node));
  }
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return list;
}

StatusOr<std::vector<std::uint64_t>> SqliteLinkState::OnlineNodes(double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_RETURN_IF_ERROR(BringNodesUpToDateLocked(now));
  std::vector<std::uint64_t> list;
  SqliteQuery row = database().Query("SELECT node_id FROM node WHERE status = 1 ORDER BY seq");
  while (row.Next()) list.push_back(row.Id(0));
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return list;
}

}  // namespace flwrcpp::internal
