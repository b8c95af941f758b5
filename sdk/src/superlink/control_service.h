// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "flwr/proto/control.pb.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "superlink/notifier.h"
#include "superlink/runs.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {

/// What can be read of a run's log now.
struct LogChunk {
  flwr::proto::StreamLogsResponse response;  ///< Without text if nothing is new.
  bool is_complete = false;                  ///< Nothing is new, and nothing will be.
};

/// What the calls of Flower's Control API do, by which users and their tools talk to a SuperLink,
/// apart from how they are carried.
///
/// There are no accounts: whoever reaches the API may do everything, as the one account of the one
/// federation. Refusals are `ApiError`s; errors of the state pass through. Thread-safe; no method
/// waits for anything but the state.
class ControlService {
 public:
  /// `clock` gives Unix seconds; `notifier` and `runs` must outlive the service.
  ControlService(State state, Notifier& notifier, Runs& runs, std::function<double()> clock);

  // Runs.

  /// Makes a run that waits for an executor. A FAB that is too large gets an empty response, which
  /// is how Flower's tools know it.
  StatusOr<flwr::proto::StartRunResponse> StartRun(const flwr::proto::StartRunRequest& request);
  StatusOr<flwr::proto::ListRunsResponse> ListRuns(const flwr::proto::ListRunsRequest& request);
  StatusOr<flwr::proto::StopRunResponse> StopRun(const flwr::proto::StopRunRequest& request);
  StatusOr<flwr::proto::PullArtifactsResponse> PullArtifacts(
      const flwr::proto::PullArtifactsRequest& request);

  /// A run, as it is now.
  StatusOr<RunInfo> FindRun(std::uint64_t run_id);
  /// What was logged for a run later than `after` (Unix seconds); the next chunk begins after the
  /// response's timestamp.
  StatusOr<LogChunk> ReadLog(std::uint64_t run_id, double after);
  /// Whether logs should be followed no longer because the SuperLink stops.
  bool is_stopping() const { return stopping_; }
  /// Wakes who follows a log, for good.
  void Stop();

  // Nodes.

  StatusOr<flwr::proto::RegisterNodeResponse> RegisterNode(
      const flwr::proto::RegisterNodeRequest& request);
  StatusOr<flwr::proto::UnregisterNodeResponse> UnregisterNode(
      const flwr::proto::UnregisterNodeRequest& request);
  StatusOr<flwr::proto::ListNodesResponse> ListNodes(const flwr::proto::ListNodesRequest& request);

  // The federation.

  StatusOr<flwr::proto::ListFederationsResponse> ListFederations(
      const flwr::proto::ListFederationsRequest& request);
  StatusOr<flwr::proto::ShowFederationResponse> ShowFederation(
      const flwr::proto::ShowFederationRequest& request);
  StatusOr<flwr::proto::ConfigureSimulationFederationResponse> ConfigureSimulationFederation(
      const flwr::proto::ConfigureSimulationFederationRequest& request);

  // Login.

  StatusOr<flwr::proto::GetLoginDetailsResponse> GetLoginDetails(
      const flwr::proto::GetLoginDetailsRequest& request);
  StatusOr<flwr::proto::GetAuthTokensResponse> GetAuthTokens(
      const flwr::proto::GetAuthTokensRequest& request);
  StatusOr<flwr::proto::RefreshAuthTokensResponse> RefreshAuthTokens(
      const flwr::proto::RefreshAuthTokensRequest& request);

 private:
  /// The FAB that a request brings, or names as one that is kept here.
  StatusOr<Bytes> FabOf(const flwr::proto::StartRunRequest& request);
  /// The series that a request joins, or a new one.
  StatusOr<std::uint64_t> SeriesOf(const flwr::proto::StartRunRequest& request);
  StatusOr<std::vector<NodeInfo>> OwnNodes();

  const State state_;
  Notifier& notifier_;
  Runs& runs_;
  const std::function<double()> clock_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace flwrcpp::internal
