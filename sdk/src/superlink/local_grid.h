// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "flwrcpp/grid.h"
#include "superlink/instructions.h"
#include "superlink/notifier.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {

/// The Grid of a ServerApp in the SuperLink's own process: works on the state, without a wire.
///
/// Parameters are not copied on their way: what is pushed is stored as views of the sender's
/// arrays, and the arrays of a reply are views of what the node's request was received into.
class LocalGrid final : public Grid {
 public:
  /// @param state is not kept alive: a grid that is left over must not hold a database.
  /// @param clock gives the time in Unix seconds.
  LocalGrid(const std::shared_ptr<const State>& state, std::shared_ptr<Notifier> notifier,
            const RunInfo& run, std::function<double()> clock);

  std::uint64_t run_id() const override { return run_id_; }
  StatusOr<std::vector<std::uint64_t>> GetNodeIds() override;
  void WaitForNodes(std::chrono::duration<double> timeout) override;

  /// @return besides what Grid says, `kFailedPrecondition` when the run has ended and
  ///   `kInvalidArgument` for messages that no node could get.
  StatusOr<std::vector<std::string>> PushMessages(std::vector<Message> messages) override;
  StatusOr<std::vector<Message>> PullMessages(std::span<const std::string> message_ids,
                                              std::chrono::duration<double> timeout) override;

  /// Ends all waits; from now on calls fail with `kUnavailable`.
  void Close();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// The state, if the SuperLink has not stopped and the run is running.
  StatusOr<std::shared_ptr<const State>> Open();
  /// Takes replies out of the state, as far as nothing that was taken before is left.
  StatusOr<std::vector<Message>> TakeReplies(const State& state,
                                             std::span<const std::string> message_ids);
  StatusOr<Message> InflateReply(const State& state, const Message& stub, std::size_t& bytes);
  /// Says that a reply has arrived; what is stored of it and its instruction goes.
  void Confirm(const State& state, const std::string& reply_id);
  /// Removes objects of no further use. A failure is logged: the end of the run removes them too.
  void Forget(const State& state, const std::string& message_id);
  /// The moment of a time in Unix seconds, at most `limit`.
  TimePoint MomentOf(double unix_seconds, TimePoint limit) const;

  const std::weak_ptr<const State> state_;
  const std::shared_ptr<Notifier> notifier_;
  const std::uint64_t run_id_;
  const std::function<double()> clock_;
  InstructionMaker instructions_;

  std::mutex replies_mutex_;
  /// Replies taken out of the state that nobody has asked for since, by their instruction. Their
  /// content is still in the object store.
  std::unordered_map<std::string, Message> taken_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::uint64_t reply_events_ = 0;
  std::uint64_t node_events_ = 0;
  std::uint64_t node_events_seen_ = 0;  ///< When GetNodeIds looked last.

  // Last members: their callbacks use the ones above.
  Notifier::Subscription replies_;
  Notifier::Subscription nodes_;
};

}  // namespace flwrcpp::internal
