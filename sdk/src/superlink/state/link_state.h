// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/message.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Account that owns nodes and runs while a SuperLink knows no accounts.
inline constexpr std::string_view kNoAccountId = "<id:none>";
inline constexpr std::string_view kNoAccountName = "none";
/// The one federation of a SuperLink that manages none.
inline constexpr std::string_view kDefaultFederation = "@none/default";

/// Heartbeat intervals a node may announce, in seconds.
inline constexpr double kMinHeartbeatInterval = 10;
inline constexpr double kMaxHeartbeatInterval = 1800;
/// A node is online for this many of its intervals after its last sign of life.
inline constexpr double kHeartbeatPatience = 2;

enum class NodeStatus { kRegistered, kOnline, kOffline, kUnregistered };
/// Flower's word: "registered", "online", "offline", "unregistered".
std::string_view NodeStatusName(NodeStatus status);

/// What is said of a node when it is made known.
struct NodeRegistration {
  std::string public_key;  ///< PEM, byte for byte as nodes send it.
  std::string owner_id{kNoAccountId};
  std::string owner_name{kNoAccountName};
  double heartbeat_interval = 0;  ///< Seconds; 0 until the node announces one.
  std::string location;           ///< `lat,lon`; may be empty.
  std::string name;               ///< May be empty.
};

/// A node. Times are Unix seconds, 0 for what has not happened.
struct NodeInfo {
  std::uint64_t node_id = 0;
  std::string public_key;
  std::string owner_id;
  std::string owner_name;
  NodeStatus status = NodeStatus::kRegistered;
  double registered_at = 0;
  double last_activated_at = 0;
  double last_deactivated_at = 0;
  double unregistered_at = 0;
  double online_until = 0;
  double heartbeat_interval = 0;
  std::string location;
  std::string name;
};

/// Which nodes to list; an empty field does not restrict.
struct NodeFilter {
  std::vector<NodeStatus> statuses;
  std::optional<std::string> owner_id;
};

/// How long a claim on a run lasts, in seconds: until it is started, and from then on after each
/// sign of life.
inline constexpr double kClaimLifetime = 30;
inline constexpr double kStartedClaimLifetime = 60;

enum class RunStatus { kPending, kStarting, kRunning, kFinished };
/// Flower's word: "pending", "starting", "running", "finished".
std::string_view RunStatusName(RunStatus status);

/// How a run ended.
namespace run_sub_status {
inline constexpr std::string_view kCompleted = "completed";
inline constexpr std::string_view kFailed = "failed";
inline constexpr std::string_view kStopped = "stopped";
}  // namespace run_sub_status

/// What is said of a run when it is made.
struct NewRun {
  UserConfig override_config;
  std::string fab_id;
  std::string fab_version;
  std::string fab_hash;
  std::string federation{kDefaultFederation};
  std::string account_id{kNoAccountId};
  std::string account_name{kNoAccountName};
  std::uint64_t series_id = 0;  ///< 0: the run begins a series.
  std::string primary_task_type = "flwr-serverapp";
};

/// A run. Its status follows from the times of its primary task: Unix seconds, 0 for what has not
/// happened.
struct RunInfo : NewRun {
  std::uint64_t run_id = 0;
  std::uint64_t primary_task_id = 0;
  double pending_at = 0;
  double starting_at = 0;
  double running_at = 0;
  double finished_at = 0;
  std::string sub_status;  ///< One of `run_sub_status` once finished.
  std::string details;
  std::uint64_t bytes_sent = 0;  ///< To nodes.
  std::uint64_t bytes_recv = 0;  ///< From nodes.
  double clientapp_runtime = 0;  ///< Seconds, all nodes together.
  bool is_claimed = false;       ///< An executor has claimed it, and the claim holds.

  RunStatus status() const {
    if (finished_at > 0) return RunStatus::kFinished;
    if (running_at > 0) return RunStatus::kRunning;
    return starting_at > 0 ? RunStatus::kStarting : RunStatus::kPending;
  }
};

/// A run that an executor may work on from now on.
struct ClaimedRun {
  RunInfo run;        ///< As it was before: pending.
  std::string token;  ///< 256 hex digits; who shows it acts for the run's ServerApp.
};

/// Which runs to list, newest first; an empty field does not restrict.
struct RunFilter {
  std::optional<std::string> account_id;
  bool unfinished_only = false;
  std::optional<std::uint64_t> limit;
  std::uint64_t skip = 0;
};

/// A message that can be handed out from now on.
struct ReleasedMessage {
  std::string message_id;
  std::uint64_t run_id = 0;
  std::uint64_t dst_node_id = 0;  ///< `kSuperLinkNodeId`: a reply for the run's ServerApp.
};

struct ReleaseResult {
  std::vector<ReleasedMessage> released;
  /// Ids of no message: it was dropped in the meantime, its objects are of no use.
  std::vector<std::string> unknown;
};

struct PulledReplies {
  /// Replies of nodes and error replies made here, whose objects nobody has stored yet.
  /// `reply_to_message_id` names the instruction.
  std::vector<Message> replies;
  /// Messages that were removed: expired instructions, and replies that came too late. Their
  /// objects are of no use any more.
  std::vector<std::string> dropped;
};

/// What a SuperLink remembers of nodes, runs and messages; objects are in an ObjectStore.
///
/// Messages are stubs: metadata and either an error or empty content. A message is stored *held*
/// and handed out only after `ReleaseMessages`, which says that all its objects are there; so no
/// peer sees a message that it cannot read. The order for whoever brings a message in:
/// store it here, open a push session for its tree in the ObjectStore (if that fails,
/// `DeleteMessages`), and release it when nothing of the tree is missing.
///
/// Every method is atomic and safe to call from any thread. `now` is the time in Unix seconds;
/// nothing here reads a clock. Besides the codes listed, each method of a state on disk can fail
/// with `kUnavailable` (the disk is full, the database is locked by another program) or
/// `kDataLoss` (the database is damaged); nothing has changed then.
class LinkState {
 public:
  virtual ~LinkState() = default;

  // Nodes.

  /// Makes a node known, with status `registered`.
  /// @return its id; `kAlreadyExists` if a node has, or had, this key; `kInvalidArgument` for an
  ///   empty key.
  virtual StatusOr<std::uint64_t> CreateNode(const NodeRegistration& registration, double now) = 0;

  /// Sets a node online that is registered or offline.
  /// @return its id; `kNotFound` for an unknown or unregistered key; `kFailedPrecondition` when it
  ///   is online; `kInvalidArgument` for an interval out of bounds.
  virtual StatusOr<std::uint64_t> ActivateNode(const std::string& public_key,
                                               double heartbeat_interval, double now) = 0;

  /// Sets an online node offline.
  /// @return `kFailedPrecondition` for any other node, an unknown one included.
  virtual Status DeactivateNode(std::uint64_t node_id, double now) = 0;

  /// Ends a node for good; its key cannot be used again.
  /// @return `kNotFound` for a node that is unknown or unregistered.
  virtual Status UnregisterNode(std::uint64_t node_id, double now) = 0;

  /// A sign of life: the node is online for `kHeartbeatPatience` intervals, whatever it was.
  /// @return `kNotFound` for a node that is unknown or unregistered; `kInvalidArgument` for an
  ///   interval out of bounds.
  virtual Status AcknowledgeHeartbeat(std::uint64_t node_id, double heartbeat_interval,
                                      double now) = 0;

  /// @return the id of the node with this key; `kNotFound` if there is none or it is unregistered.
  virtual StatusOr<std::uint64_t> FindNodeByKey(const std::string& public_key) = 0;

  /// A node, unregistered ones included. A node whose time is up is offline since `online_until`.
  /// @return `kNotFound`.
  virtual StatusOr<NodeInfo> GetNode(std::uint64_t node_id, double now) = 0;

  /// Nodes in the order of registration.
  virtual StatusOr<std::vector<NodeInfo>> ListNodes(const NodeFilter& filter, double now) = 0;

  /// Ids of the nodes that are online, in the order of registration.
  virtual StatusOr<std::vector<std::uint64_t>> OnlineNodes(double now) = 0;

  // Runs.

  /// Makes a run, pending, with a fresh id, primary task id and (unless given) series id.
  virtual StatusOr<RunInfo> CreateRun(const NewRun& run, double now) = 0;

  /// @return `kNotFound`.
  virtual StatusOr<RunInfo> GetRun(std::uint64_t run_id) = 0;

  /// The status alone: cheap, for the check that every call about a run begins with.
  /// @return `kNotFound`.
  virtual StatusOr<RunStatus> GetRunStatus(std::uint64_t run_id) = 0;

  /// Runs, newest first.
  virtual StatusOr<std::vector<RunInfo>> ListRuns(const RunFilter& filter) = 0;

  /// pending → starting.
  /// @return `kNotFound`; `kFailedPrecondition` from any other status.
  virtual Status MarkRunStarting(std::uint64_t run_id, double now) = 0;

  /// starting → running.
  /// @return `kNotFound`; `kFailedPrecondition` from any other status.
  virtual Status MarkRunRunning(std::uint64_t run_id, double now) = 0;

  /// pending → starting, of the oldest pending run whose primary task is of one of `task_types`.
  /// The claim holds for `kClaimLifetime`.
  virtual StatusOr<std::optional<ClaimedRun>> ClaimRun(std::span<const std::string> task_types,
                                                       double now) = 0;

  /// starting → running, of the run claimed with `token`. The claim holds for
  /// `kStartedClaimLifetime` from now.
  /// @return the run as it was before: starting. `kNotFound` for a token that is not, or no longer,
  ///   valid; `kFailedPrecondition` when the run is running.
  virtual StatusOr<RunInfo> StartClaimedRun(const std::string& token, double now) = 0;

  /// The claim holds for `kStartedClaimLifetime` from now.
  /// @return `kNotFound` for a token that is not, or no longer, valid.
  virtual Status RenewClaim(const std::string& token, double now) = 0;

  /// The run claimed with `token`.
  /// @return `kNotFound` for a token that is not, or no longer, valid.
  virtual StatusOr<RunInfo> FindClaimedRun(const std::string& token, double now) = 0;

  /// Ends claims whose time is up. A run that was starting is pending again; one that was running
  /// has failed, at the moment when the claim lapsed. Cheap when there are none.
  /// @return the runs that have failed by it.
  virtual StatusOr<std::vector<std::uint64_t>> ExpireClaims(double now) = 0;

  /// Any unfinished status → finished; a claim ends. Messages stay until `ClearRun`, but none is
  /// handed to a node any more.
  /// @return `kNotFound`; `kInvalidArgument` for a `sub_status` that is not of `run_sub_status`;
  ///   `kFailedPrecondition` if it is finished, or not running and to be "completed".
  virtual Status FinishRun(std::uint64_t run_id, const std::string& sub_status,
                           const std::string& details, double now) = 0;

  /// Adds to a run's counters: bytes to and from nodes, seconds that ClientApps took.
  /// @return `kNotFound`; `kInvalidArgument` for seconds that are negative or not finite.
  virtual Status AddTraffic(std::uint64_t run_id, std::uint64_t bytes_sent,
                            std::uint64_t bytes_recv) = 0;
  virtual Status AddClientAppRuntime(std::uint64_t run_id, double seconds) = 0;

  // Messages.

  /// Stores instructions of the SuperLink (source 1) to nodes, held, all or none.
  ///
  /// An instruction that is stored already is accepted again and keeps its state.
  /// @return one id for each, in order; "" for an instruction that is refused because its run is
  ///   unknown or finished, or its node is neither online nor offline. `kInvalidArgument` if one
  ///   is malformed (an id, node, time or type that cannot be, expired, neither or both of content
  ///   and error) or its id belongs to a different message; then none is stored.
  virtual StatusOr<std::vector<std::string>> StoreInstructions(std::span<const Message> messages,
                                                               double now) = 0;

  /// The oldest released instruction for a node, which counts as delivered from now on; none if
  /// there is nothing to hand out. Instructions of finished runs and expired ones are passed over.
  virtual StatusOr<std::optional<Message>> NextInstruction(std::uint64_t node_id, double now) = 0;

  /// Whether `NextInstruction` would hand out one. Cheap.
  virtual StatusOr<bool> HasInstruction(std::uint64_t node_id, double now) = 0;

  /// Takes back a delivery whose answer could not be sent: the instruction is handed out again, in
  /// its old place. Does nothing if it is gone, undelivered, or already answered.
  virtual Status UndeliverInstruction(const std::string& message_id) = 0;

  /// Says that a node has an instruction for sure: it is not handed out again, even if its delivery
  /// was taken back meanwhile. Does nothing if it is gone.
  virtual Status ConfirmInstruction(const std::string& message_id) = 0;

  /// Instructions of unfinished runs that are delivered and not answered.
  virtual StatusOr<std::vector<Metadata>> DeliveredInstructions() = 0;

  /// Stores a node's reply, held. The same reply again is accepted and keeps its state.
  /// @return `kInvalidArgument` if it is malformed or its ttl outlives its instruction;
  ///   `kNotFound` if the instruction is unknown or expired; `kPermissionDenied` if that was for
  ///   another node or of another run; `kFailedPrecondition` if the run is finished;
  ///   `kAlreadyExists` if another reply is stored.
  virtual Status StoreReply(const Message& reply, double now) = 0;

  /// Lets held messages be handed out. Released ones are left alone and listed again.
  virtual StatusOr<ReleaseResult> ReleaseMessages(std::span<const std::string> message_ids) = 0;

  /// What can be said now about instructions of `run_id`. For each id, the first that applies:
  /// 1. the instruction is unknown, answered before, or expired (it is removed then): error reply,
  ///    message unavailable;
  /// 2. a released reply is there: the reply, or if it has expired, error reply unavailable;
  /// 3. the node is unknown, unregistered or past its `online_until`: error node unavailable;
  /// 4. nothing yet.
  /// What was said by 2 and 3 is said again, until it is confirmed: an answer can be lost.
  ///
  /// Stock Flower puts 3 before 2 and so throws away the reply of a node that left afterwards.
  /// @return `kPermissionDenied` if an instruction is of another run; nothing is removed then.
  virtual StatusOr<PulledReplies> PullReplies(std::uint64_t run_id,
                                              std::span<const std::string> message_ids,
                                              double now) = 0;

  /// Says that a ServerApp has a reply for sure: it and its instruction are removed.
  /// @return the id of the instruction; "" if the run has no such reply.
  virtual StatusOr<std::string> ConfirmReply(std::uint64_t run_id,
                                             const std::string& message_id) = 0;

  /// When `PullReplies` with these arguments has, or by time alone will have, something to say:
  /// at most `now` if at once, infinity if only an event can bring it.
  /// @return `kPermissionDenied` as `PullReplies`.
  virtual StatusOr<double> NextReplyTime(std::uint64_t run_id,
                                         std::span<const std::string> message_ids, double now) = 0;

  /// Metadata of a message that is stored, instruction or reply: who may read or confirm it.
  /// @return `kNotFound`.
  virtual StatusOr<Metadata> GetMessageMetadata(const std::string& message_id) = 0;

  /// Removes messages, and with an instruction its reply. Unknown ids are passed over.
  virtual Status DeleteMessages(std::span<const std::string> message_ids) = 0;

  /// Removes all messages of a run, known or not.
  virtual Status ClearRun(std::uint64_t run_id) = 0;
};

/// State that lives in this process.
std::unique_ptr<LinkState> MakeMemoryLinkState();

}  // namespace flwrcpp::internal
