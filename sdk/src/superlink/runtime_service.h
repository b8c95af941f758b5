// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "flwr/proto/log.pb.h"
#include "flwr/proto/runtime.pb.h"
#include "flwrcpp/status.h"
#include "superlink/message_exchange.h"
#include "superlink/notifier.h"
#include "superlink/runs.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {

/// What the calls of Flower's Runtime API do for executors (SuperExec) and the ServerApps that they
/// start, apart from how they are carried. Who shows the token of a run acts for its ServerApp.
///
/// Refusals are `ApiError`s or plain statuses; either can be shown to the peer. Errors of the state
/// pass through. Thread-safe; no method waits for anything but the state.
class RuntimeService {
 public:
  /// `clock` gives Unix seconds; `notifier`, `runs` and `exchange` must outlive the service.
  RuntimeService(State state, Notifier& notifier, Runs& runs, MessageExchange& exchange,
                 std::function<double()> clock);

  // Executors.

  /// Claims the oldest pending run of a type that the executor knows; empty if there is none.
  StatusOr<flwr::proto::AcquireTaskResponse> AcquireTask(
      const flwr::proto::AcquireTaskRequest& request);

  // Life of a ServerApp. `token` is that of its run.

  /// The run of a token.
  /// @return code 1008 for a token that is not, or no longer, valid.
  StatusOr<RunInfo> FindRun(const std::string& token);
  StatusOr<flwr::proto::SendTaskHeartbeatResponse> SendTaskHeartbeat(const std::string& token);
  /// All that the ServerApp needs to start; its run is running from now on.
  StatusOr<flwr::proto::PullTaskInputResponse> PullTaskInput(const std::string& token);
  /// Ends the run. What cannot be done to it is passed over, as stock does.
  StatusOr<flwr::proto::PushTaskOutputResponse> PushTaskOutput(
      const RunInfo& run, const flwr::proto::PushTaskOutputRequest& request);
  StatusOr<flwr::proto::PushLogsResponse> PushLogs(const RunInfo& run,
                                                   const flwr::proto::PushLogsRequest& request);

  // Nodes and messages.

  StatusOr<flwr::proto::GetNodesResponse> GetNodes();
  StatusOr<flwr::proto::PushAppMessagesResponse> PushMessages(
      const RunInfo& run, const flwr::proto::PushAppMessagesRequest& request);

  /// Removes from `message_ids` those that `PullMessages` would answer now.
  /// @return when, by time alone, it would answer one more; infinity if only an event can bring it.
  StatusOr<double> RemoveAnswered(std::uint64_t run_id, std::vector<std::string>& message_ids);
  /// The replies there are. Each is handed out until it is confirmed: an answer can be lost.
  StatusOr<flwr::proto::PullAppMessagesResponse> PullMessages(
      std::uint64_t run_id, std::span<const std::string> message_ids);

  StatusOr<flwr::proto::PushObjectResponse> PushObject(std::uint64_t run_id, std::uint64_t node_id,
                                                       const std::string& object_id,
                                                       const std::string& session_id,
                                                       const Bytes& content);
  StatusOr<StoredObject> PullObject(std::uint64_t run_id,
                                    const flwr::proto::PullObjectRequest& request);
  StatusOr<flwr::proto::ConfirmMessageReceivedResponse> ConfirmMessageReceived(
      std::uint64_t run_id, const flwr::proto::ConfirmMessageReceivedRequest& request);

 private:
  /// The context that a run begins with.
  StatusOr<flwr::proto::Context> MakeContext(const RunInfo& run);
  /// Adds a reply with its tree. An error that was made here gets the object that a ServerApp
  /// pulls; a reply whose objects are gone becomes an error.
  Status AddReply(std::uint64_t run_id, Message reply,
                  flwr::proto::PullAppMessagesResponse& response);
  void Forget(std::uint64_t run_id, const std::string& message_id);

  const State state_;
  Notifier& notifier_;
  Runs& runs_;
  MessageExchange& exchange_;
  const std::function<double()> clock_;
};

}  // namespace flwrcpp::internal
