// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "superlink/state/link_state.h"

namespace flwrcpp::internal {

/// LinkState in hash maps under one mutex. Methods with "Locked" want it held.
class MemoryLinkState final : public LinkState {
 public:
  // Nodes: memory_nodes.cc.
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

  // Runs: memory_runs.cc.
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

  // Messages: memory_messages.cc.
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
  struct Instruction {
    Message message;
    std::uint64_t sequence = 0;  ///< Order of arrival.
    bool released = false;
    bool delivered = false;
    std::string reply_id;  ///< Of the stored reply; empty without one.
  };
  /// There only as long as its instruction.
  struct Reply {
    Message message;
    bool released = false;
  };
  using Instructions = std::unordered_map<std::string, Instruction>;
  /// Released, undelivered instructions of one node in order of arrival.
  using Queue = std::map<std::uint64_t, std::string>;

  struct Claim {
    std::uint64_t run_id = 0;
    double until = 0;
  };
  using Claims = std::unordered_map<std::string, Claim>;

  /// The claim with a token; end of `claims_` if it is not, or no longer, valid.
  Claims::iterator FindClaimLocked(const std::string& token, double now);
  void EndClaimLocked(std::uint64_t run_id);
  /// The node unless it is unknown or unregistered, its status brought up to date; else null.
  NodeInfo* FindNodeLocked(std::uint64_t node_id, double now);
  bool IsUnfinishedLocked(std::uint64_t run_id) const;
  /// The first instruction of the node's queue that can be handed out; drops those that cannot.
  Instruction* FrontLocked(std::uint64_t node_id, double now);
  void EnqueueLocked(const Instruction& instruction);
  void DequeueLocked(const Instruction& instruction);
  /// Whether an instruction's node is out of reach at `now`.
  bool IsGoneLocked(const Instruction& instruction, double now) const;
  Status CheckRunOfLocked(std::uint64_t run_id, std::span<const std::string> message_ids) const;
  /// Makes an error the reply of an instruction, in place of another if there is one.
  void AnswerLocked(Instruction& instruction, const Message& error);
  /// Removes an instruction and its reply.
  void RemoveLocked(Instructions::iterator instruction);

  std::mutex mutex_;

  std::unordered_map<std::uint64_t, NodeInfo> nodes_;
  std::vector<std::uint64_t> node_order_;
  /// Keys of unregistered nodes stay: they cannot be used again.
  std::unordered_map<std::string, std::uint64_t> node_by_key_;

  std::unordered_map<std::uint64_t, RunInfo> runs_;
  std::vector<std::uint64_t> run_order_;
  Claims claims_;  ///< By token.

  Instructions instructions_;
  std::unordered_map<std::string, Reply> replies_;
  std::unordered_map<std::uint64_t, Queue> queues_;  ///< By node.
  std::unordered_map<std::uint64_t, std::unordered_set<std::string>> instructions_of_run_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace flwrcpp::internal
