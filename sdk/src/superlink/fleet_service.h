// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "flwr/proto/fleet.pb.h"
#include "flwrcpp/status.h"
#include "superlink/message_exchange.h"
#include "superlink/notifier.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {

/// What a node's pull brought.
struct PulledInstruction {
  flwr::proto::PullMessagesResponse response;  ///< Empty if there was nothing.
  std::string message_id;                      ///< Of the instruction taken; else "".
};

/// What the calls of Flower's Fleet API do, apart from how they are carried: functions of a
/// request, the node that made it, and the state.
///
/// Who calls has been authenticated, and `node_id` is the caller's. Refusals are `ApiError`s or
/// plain statuses; either can be shown to the peer. Errors of the state pass through. Thread-safe;
/// no method waits for anything but the state.
class FleetService {
 public:
  struct Options {
    /// Nodes cannot register themselves.
    bool enable_supernode_auth = false;
    /// The time in Unix seconds.
    std::function<double()> clock;
  };

  /// `notifier` and `exchange` must outlive the service.
  FleetService(State state, Notifier& notifier, MessageExchange& exchange, Options options);

  // Life of a node.

  StatusOr<flwr::proto::RegisterNodeFleetResponse> RegisterNode(
      const flwr::proto::RegisterNodeFleetRequest& request);
  StatusOr<flwr::proto::ActivateNodeResponse> ActivateNode(
      const flwr::proto::ActivateNodeRequest& request);
  StatusOr<flwr::proto::DeactivateNodeResponse> DeactivateNode(std::uint64_t node_id);
  StatusOr<flwr::proto::UnregisterNodeFleetResponse> UnregisterNode(std::uint64_t node_id);
  StatusOr<flwr::proto::SendNodeHeartbeatResponse> SendNodeHeartbeat(
      std::uint64_t node_id, const flwr::proto::SendNodeHeartbeatRequest& request);

  // Messages and their objects.

  /// Takes at most one instruction, which counts as delivered from now on.
  StatusOr<PulledInstruction> PullMessages(std::uint64_t node_id,
                                           const flwr::proto::PullMessagesRequest& request);
  /// Gives back an instruction whose answer could not be sent.
  void ReturnInstruction(std::uint64_t node_id, const std::string& message_id);

  StatusOr<flwr::proto::PushMessagesResponse> PushMessages(
      std::uint64_t node_id, const flwr::proto::PushMessagesRequest& request);
  /// @param content the object's bytes; the store keeps a share of them.
  StatusOr<flwr::proto::PushObjectResponse> PushObject(std::uint64_t run_id,
                                                       const std::string& object_id,
                                                       const std::string& session_id,
                                                       const Bytes& content);
  StatusOr<StoredObject> PullObject(const flwr::proto::PullObjectRequest& request);
  StatusOr<flwr::proto::ConfirmMessageReceivedResponse> ConfirmMessageReceived(
      std::uint64_t node_id, const flwr::proto::ConfirmMessageReceivedRequest& request);

  // What a message belongs to.

  StatusOr<flwr::proto::GetRunResponse> GetRun(const flwr::proto::GetRunRequest& request);
  StatusOr<flwr::proto::GetFabResponse> GetFab(const flwr::proto::GetFabRequest& request);

  // For the rest of the SuperLink.

  /// @return the id of the node with this key; `kNotFound`.
  StatusOr<std::uint64_t> FindNode(const std::string& public_key);

 private:
  double Now() const { return options_.clock(); }
  Status RequireRunning(std::uint64_t run_id, const std::string& extra);
  /// A failure is logged: no call fails for a counter.
  void CountTraffic(std::uint64_t run_id, std::uint64_t bytes_sent, std::uint64_t bytes_recv);

  const State state_;
  Notifier& notifier_;
  MessageExchange& exchange_;
  const Options options_;
};

}  // namespace flwrcpp::internal
