// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>

#include "rpc/method.h"

/// The calls of the Fleet API.
namespace flwrcpp::internal::fleet_method {

using std::chrono::seconds;
inline constexpr RpcMethod kRegisterNode{"RegisterNode", "/v1/fleet/register-node"};
inline constexpr RpcMethod kActivateNode{"ActivateNode", "/v1/fleet/activate-node"};
inline constexpr RpcMethod kSendNodeHeartbeat{"SendNodeHeartbeat", "/v1/fleet/send-node-heartbeat",
                                              true, seconds(5)};
/// A repetition finds another message, or none: what a lost answer carried is lost either way.
inline constexpr RpcMethod kPullMessages{"PullMessages", "/v1/fleet/pull-messages", true,
                                         seconds(30), std::size_t{256} << 20};
inline constexpr RpcMethod kGetRun{"GetRun", "/v1/fleet/get-run"};
inline constexpr RpcMethod kGetFab{"GetFab",    "/v1/fleet/get-fab",    true,
                                   seconds(30), std::size_t{512} << 20, true};
/// The bound of its answer is set per node (`NodeOptions::max_object_bytes`).
inline constexpr RpcMethod kPullObject{"PullObject", "/v1/fleet/pull-object", true, seconds(30), 0,
                                       true};
inline constexpr RpcMethod kConfirmMessageReceived{"ConfirmMessageReceived",
                                                   "/v1/fleet/confirm-message-received"};
inline constexpr RpcMethod kPushMessages{"PushMessages", "/v1/fleet/push-messages", true,
                                         seconds(30), std::size_t{256} << 20};
/// A repetition is answered as if the object were refused; PushMessages tells what is missing.
inline constexpr RpcMethod kPushObject{"PushObject", "/v1/fleet/push-object", false};
/// The last two are courtesies of a node that leaves: one short attempt.
inline constexpr RpcMethod kDeactivateNode{"DeactivateNode", "/v1/fleet/deactivate-node", false,
                                           seconds(5)};
inline constexpr RpcMethod kUnregisterNode{"UnregisterNode", "/v1/fleet/unregister-node", false,
                                           seconds(5)};
/// Of Flower before 1.23, over gRPC only. A repetition of the first would make another node.
inline constexpr RpcMethod kCreateNode{"CreateNode", "", false};
inline constexpr RpcMethod kDeleteNode{"DeleteNode", "", false, seconds(5)};
}  // namespace flwrcpp::internal::fleet_method
