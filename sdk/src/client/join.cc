// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/join.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

#include "crypto/sha256.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/releases.h"
#include "internal/status_macros.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

constexpr char kFileName[] = "node";
constexpr double kPause = 2;
/// A SuperLink gives a node up after twice the interval that the node announced.
constexpr double kIntervals = 2;
/// What an earlier process of this node may have announced, at least.
constexpr double kUsualInterval = 30;
constexpr double kSlack = 10;

/// The id that an earlier process got for this key.
std::optional<std::uint64_t> RecallNodeId(const std::filesystem::path& directory,
                                          const std::string& public_pem) {
  std::ifstream file(directory / kFileName);
  std::string key;
  std::uint64_t node_id = 0;
  if (directory.empty() || !(file >> key >> node_id) || key != Sha256::Hex(public_pem)) {
    return std::nullopt;
  }
  return node_id;
}

void RememberNodeId(const std::filesystem::path& directory, const std::string& public_pem,
                    std::uint64_t node_id) {
  if (directory.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  std::ofstream file(directory / kFileName);
  file << Sha256::Hex(public_pem) << '\n' << node_id << '\n';
  if (!file.flush()) {
    Log(LogLevel::kWarning, "Cannot write {}: the node's id will not be remembered",
        (directory / kFileName).string());
  }
}

bool IsActivationRefused(const Status& status) {
  return status.code() == StatusCode::kFailedPrecondition &&
         FlowerCode(status).value_or(flower_code::kActivationRefused) ==
             flower_code::kActivationRefused;
}

/// Whether the SuperLink takes `node_id` for this node's id.
StatusOr<bool> IsOwnId(FleetConnection& connection, std::uint64_t node_id, double interval,
                       std::stop_token stop) {
  connection.UseNodeId(node_id);
  StatusOr<bool> known = connection.SendNodeHeartbeat(interval, std::move(stop));
  if (known.status().code() == StatusCode::kUnauthenticated) return false;
  return known;
}

/// Whether `refusal`, of a call that registers or activates, may come from a SuperLink that has no
/// such call. Those before Flower 1.23 look first for the id that the call does not have.
bool MayBeEarly(const FleetConnection& connection, const Status& refusal) {
  return connection.wire() == "grpc" &&
         (refusal.code() == StatusCode::kUnauthenticated ||
          refusal.code() == StatusCode::kUnimplemented || refusal.code() == StatusCode::kUnknown);
}

/// Joins a SuperLink of Flower before 1.23, if it is one.
/// @param refusal what the SuperLink said to the calls of later ones.
Status JoinEarly(FleetConnection& connection, const JoinOptions& options,
                 std::optional<std::uint64_t> known_id, const Status& refusal,
                 std::stop_token stop) {
  const std::string& public_pem = connection.key().public_pem();
  const StatusOr<std::uint64_t> created = connection.CreateNode(options.heartbeat_interval, stop);
  if (created.ok()) {
    connection.UseCreatedNode(*created);
    RememberNodeId(options.directory, public_pem, *created);
  } else {
    // It has no room for a second node with the key of one that crashed.
    if (created.status().code() != StatusCode::kUnauthenticated || !known_id) return refusal;
    FLWRCPP_ASSIGN_OR_RETURN(const bool own,
                             IsOwnId(connection, *known_id, options.heartbeat_interval, stop));
    if (!own) return refusal;
    connection.UseCreatedNode(*known_id);
  }
  // Those before 1.20 have the same calls, but list a message's objects in another way.
  const Status late = connection.SendLateHeartbeat(options.heartbeat_interval, stop);
  if (late.code() == StatusCode::kCancelled || late.code() == StatusCode::kUnavailable) return late;
  if (!late.ok()) {
    connection.DeleteNode(stop).IgnoreError();
    return MakeError(StatusCode::kFailedPrecondition, "{}",
                     TooOldMessage("the SuperLink", release::kOldestNode));
  }
  Log(LogLevel::kInfo, "The SuperLink is of a Flower before {}.{}", release::kRegisteredNodes.major,
      release::kRegisteredNodes.minor);
  return absl::OkStatus();
}

}  // namespace

Status Join(FleetConnection& connection, Clock& clock, const JoinOptions& options,
            std::stop_token stop) {
  const std::string& public_pem = connection.key().public_pem();
  std::optional<std::uint64_t> node_id = RecallNodeId(options.directory, public_pem);
  if (options.register_node) {
    const StatusOr<std::uint64_t> registered = connection.RegisterNode(stop);
    if (registered.ok()) {
      node_id = *registered;
    } else if (MayBeEarly(connection, registered.status())) {
      return JoinEarly(connection, options, node_id, registered.status(), stop);
    } else if (FlowerCode(registered.status()) != flower_code::kKeyAlreadyRegistered) {
      return registered.status();
    }
    // Else the answer to an earlier attempt was lost.
  }

  const double patience =
      std::min(kIntervals * std::max(options.heartbeat_interval, kUsualInterval) + kSlack,
               options.max_wait_seconds.value_or(std::numeric_limits<double>::infinity()));
  const double began = clock.Monotonic();
  bool explained = false;
  while (true) {
    const StatusOr<std::uint64_t> activated =
        connection.ActivateNode(options.heartbeat_interval, stop);
    if (activated.ok()) {
      connection.UseNodeId(*activated);
      RememberNodeId(options.directory, public_pem, *activated);
      return absl::OkStatus();
    }
    if (MayBeEarly(connection, activated.status())) {
      return JoinEarly(connection, options, node_id, activated.status(), stop);
    }
    if (!IsActivationRefused(activated.status())) return activated.status();
    if (node_id) {
      FLWRCPP_ASSIGN_OR_RETURN(const bool own,
                               IsOwnId(connection, *node_id, options.heartbeat_interval, stop));
      if (own) {
        Log(LogLevel::kInfo, "Node {} is still online from before; going on with it", *node_id);
        return absl::OkStatus();
      }
      node_id.reset();
    }
    if (clock.Monotonic() - began > patience) {
      return Annotate(
          activated.status(),
          "this node's key is not registered with the SuperLink, or another node uses it");
    }
    if (!explained) {
      explained = true;
      Log(LogLevel::kWarning,
          "The SuperLink refuses to activate this node: either it still takes the node for online "
          "after a crash, or another process uses the same key, or the key is not registered. "
          "Trying for {:.0f} s",
          patience);
    }
    if (!clock.Sleep(kPause, stop)) return MakeError(StatusCode::kCancelled, "stop requested");
  }
}

}  // namespace flwrcpp::internal
