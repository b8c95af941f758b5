// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace flwrcpp::internal {

/// One call of the Fleet API as transports see it.
struct FleetMethod {
  std::string_view name;       ///< Of the gRPC method.
  std::string_view http_path;  ///< Below the SuperLink's address.
  /// Whether the call may be made again when it is unknown if the SuperLink got it.
  bool retry = true;
  /// Longest wait without a byte of progress.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  std::size_t max_response_bytes = std::size_t{1} << 20;
  /// Whether the answer may be megabytes long.
  bool large_response = false;
};

namespace fleet_method {
using std::chrono::seconds;
inline constexpr FleetMethod kRegisterNode{"RegisterNode", "/v1/fleet/register-node"};
inline constexpr FleetMethod kActivateNode{"ActivateNode", "/v1/fleet/activate-node"};
inline constexpr FleetMethod kSendNodeHeartbeat{"SendNodeHeartbeat",
                                                "/v1/fleet/send-node-heartbeat", true, seconds(5)};
/// A repetition finds another message, or none: what a lost answer carried is lost either way.
inline constexpr FleetMethod kPullMessages{"PullMessages", "/v1/fleet/pull-messages", true,
                                           seconds(30), std::size_t{256} << 20};
inline constexpr FleetMethod kGetRun{"GetRun", "/v1/fleet/get-run"};
inline constexpr FleetMethod kGetFab{"GetFab",    "/v1/fleet/get-fab",    true,
                                     seconds(30), std::size_t{512} << 20, true};
/// The bound of its answer is set per node (`NodeOptions::max_object_bytes`).
inline constexpr FleetMethod kPullObject{
    "PullObject", "/v1/fleet/pull-object", true, seconds(30), 0, true};
inline constexpr FleetMethod kConfirmMessageReceived{"ConfirmMessageReceived",
                                                     "/v1/fleet/confirm-message-received"};
inline constexpr FleetMethod kPushMessages{"PushMessages", "/v1/fleet/push-messages", true,
                                           seconds(30), std::size_t{256} << 20};
/// A repetition is answered as if the object were refused; PushMessages tells what is missing.
inline constexpr FleetMethod kPushObject{"PushObject", "/v1/fleet/push-object", false};
/// The last two are courtesies of a node that leaves: one short attempt.
inline constexpr FleetMethod kDeactivateNode{"DeactivateNode", "/v1/fleet/deactivate-node", false,
                                             seconds(5)};
inline constexpr FleetMethod kUnregisterNode{"UnregisterNode", "/v1/fleet/unregister-node", false,
                                             seconds(5)};
}  // namespace fleet_method

}  // namespace flwrcpp::internal
