// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "flwrcpp/proto/early_fleet.pb.h"
#include "flwrcpp/status.h"
#include "superlink/fleet_service.h"

namespace flwrcpp::internal {

/// Nodes of Flower before 1.23, which are created and deleted where later ones register, activate
/// and leave in two steps each. From 1.20 on nothing else is different. Older ones join with the
/// same words and only then show that they cannot work: they ping instead of sending heartbeats
/// (before 1.19), or fetch an instruction before they ask what run it is of (1.19). They are
/// refused from then on. Thread-safe.
class EarlyNodes {
 public:
  /// `service` must outlive it.
  explicit EarlyNodes(FleetService& service) : service_(service) {}

  StatusOr<proto::CreateNodeResponse> Create(const std::string& public_key,
                                             const proto::CreateNodeRequest& request);
  StatusOr<proto::DeleteNodeResponse> Delete(std::uint64_t node_id);

  /// The node has pinged.
  /// @return what it is told.
  Status Pinged(std::uint64_t node_id);
  /// The node asks about a run, as it does before anything else from 1.20 on.
  void AskedForRun(std::uint64_t node_id);
  /// The node fetches an object.
  Status CheckPull(std::uint64_t node_id);
  /// Whether the node may go on.
  Status Check(std::uint64_t node_id);

  /// What a node is told that is too old.
  static Status TooOld();

 private:
  enum class Age { kUnknown, kFits, kTooOld };

  Status Refuse(std::uint64_t node_id, Age& age);

  FleetService& service_;
  std::mutex mutex_;
  /// Those that were created, and not by an earlier process.
  std::unordered_map<std::uint64_t, Age> ages_;
};

}  // namespace flwrcpp::internal
