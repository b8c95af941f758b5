// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "superlink/state/link_state.h"
#include "superlink/state/sqlite_schema.h"

namespace flwrcpp::internal {

/// LinkState in an SQLite file. Methods with "Locked" want the file's mutex held.
class SqliteLinkState final : public LinkState {
 public:
  explicit SqliteLinkState(std::shared_ptr<SqliteStateFile> file) : file_(std::move(file)) {}

  // Nodes: sqlite_nodes.cc.
  StatusOr<std::uint64_t> CreateNode(const NodeRegistration& registration, double now) override;
  StatusOr<std::uint64_t> ActivateNode(const std::string& public_key, double heartbeat_interval,
                                       double now) override;
  Status DeactivateNode(std::uint64_t node_id, double now) override;
  Status UnregisterNode(std::uint64_t node_id, double now) override;
  Status AcknowledgeHeartbeat(std::uint64_t node_id, double heartbeat_interval,
                              double now) override;
  StatusOr<std::uint64_t> FindNodeByKey(const std::string& public_key) override;
  StatusOr<NodeInfo> GetNode(std::uint64_t node_id, double now) override;
  StatusOr<std::vector<NodeInfo>> ListNodes(const NodeFilter& filter, double now) override;
  StatusOr<std::vector<std::uint64_t>> OnlineNodes(double now) override;

  // Runs: sqlite_runs.cc.
  StatusOr<RunInfo> CreateRun(const NewRun& run, double now) override;
  StatusOr<RunInfo> GetRun(std::uint64_t run_id) override;
  StatusOr<RunStatus> GetRunStatus(std::uint64_t run_id) override;
  StatusOr<std::vector<RunInfo>> ListRuns(const RunFilter& filter) override;
  Status MarkRunStarting(std::uint64_t run_id, double now) override;
  Status MarkRunRunning(std::uint64_t run_id, double now) override;
  Status FinishRun(std::uint64_t run_id, const std::string& sub_status, const std::string& details,
                   double now) override;
  StatusOr<std::optional<ClaimedRun>> ClaimRun(std::span<const std::string> task_types,
                                               double now) override;
  StatusOr<RunInfo> StartClaimedRun(const std::string& token, double now) override;
  Status RenewClaim(const std::string& token, double now) override;
  StatusOr<RunInfo> FindClaimedRun(const std::string& token, double now) override;
  StatusOr<std::vector<std::uint64_t>> ExpireClaims(double now) override;
  Status AddTraffic(std::uint64_t run_id, std::uint64_t bytes_sent,
                    std::uint64_t bytes_recv) override;
  Status AddClientAppRuntime(std::uint64_t run_id, double seconds) override;

  // Messages: sqlite_messages.cc.
  StatusOr<std::vector<std::string>> StoreInstructions(std::span<const Message> messages,
                                                       double now) override;
  StatusOr<std::optional<Message>> NextInstruction(std::uint64_t node_id, double now) override;
  StatusOr<bool> HasInstruction(std::uint64_t node_id, double now) override;
  Status UndeliverInstruction(const std::string& message_id) override;
  Status ConfirmInstruction(const std::string& message_id) override;
  StatusOr<std::vector<Metadata>> DeliveredInstructions() override;
  Status StoreReply(const Message& reply, double now) override;
  StatusOr<ReleaseResult> ReleaseMessages(std::span<const std::string> message_ids) override;
  StatusOr<PulledReplies> PullReplies(std::uint64_t run_id,
                                      std::span<const std::string> message_ids,
                                      double now) override;
  StatusOr<std::string> ConfirmReply(std::uint64_t run_id, const std::string& message_id) override;
  StatusOr<double> NextReplyTime(std::uint64_t run_id, std::span<const std::string> message_ids,
                                 double now) override;
  StatusOr<Metadata> GetMessageMetadata(const std::string& message_id) override;
  Status DeleteMessages(std::span<const std::string> message_ids) override;
  Status ClearRun(std::uint64_t run_id) override;

 private:
  /// An instruction and what is known of its answer.
  struct Pending {
    Metadata metadata;
    double online_until = 0;  ///< Of its node; 0 if that is unknown or unregistered.
    std::string reply_id;     ///< Empty without a reply.
    bool released = false;    ///< The reply.
    double reply_expires_at = 0;
  };

  SqliteDatabase& database() { return *file_->database; }
  /// Tags the nodes whose time is up.
  Status BringNodesUpToDateLocked(double now);
  Status SetOnlineLocked(std::uint64_t node_id, double heartbeat_interval, double now);
  /// The row of a node that is not unregistered; empty if there is none.
  StatusOr<std::optional<NodeStatus>> FindNodeStatusLocked(std::uint64_t node_id);
  StatusOr<RunInfo> GetRunLocked(std::uint64_t run_id);
  StatusOr<RunInfo> FindClaimedRunLocked(const std::string& token, double now);
  /// Empty for an unknown run.
  StatusOr<std::optional<RunStatus>> FindRunStatusLocked(std::uint64_t run_id);
  StatusOr<bool> IsUnfinishedLocked(std::uint64_t run_id);
  StatusOr<std::optional<Message>> FindMessageLocked(const std::string& message_id);
  Status InsertMessageLocked(const Message& message);
  StatusOr<std::optional<Pending>> FindPendingLocked(std::uint64_t run_id,
                                                     const std::string& message_id);
  /// Makes an error the reply of an instruction, in place of another if there is one.
  Status AnswerLocked(const std::string& instruction_id, const Message& error);
  Status RemoveLocked(const std::string& message_id);

  std::shared_ptr<SqliteStateFile> file_;
};

}  // namespace flwrcpp::internal
