// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flwrcpp/grid.h"
#include "flwrcpp/strategy/strategy.h"
#include "server/pending_replies.h"

namespace flwrcpp::internal {

/// Measures how long something takes.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// The exchanges of a run's phases, one after the other, and the replies that are still out when
/// theirs is over. Not thread-safe.
class RunExchange : public Exchange {
 public:
  /// Both must outlive this.
  RunExchange(Grid& grid, const StartOptions& options)
      : grid_(grid), options_(options), pending_(grid) {}

  /// @param phase must outlive the phase.
  void BeginPhase(std::string_view phase, int server_round);

  Status SendAndReceive(std::vector<Message> messages, const Grid::OnReply& on_reply) override;
  Status FillPlaces(std::vector<Message> messages, const Grid::OnReply& on_reply) override;

  /// Tells the application how far a phase is.
  Status ReportProgress(int received, int expected) const;

  /// Adds to the phase's outcome what it cannot know: late replies, and lost nodes that were
  /// replaced.
  void Complete(AggregateResult& result);

  /// Nodes that the phase's first exchange was for; none if there was no exchange.
  std::optional<int> sampled() const { return sampled_; }
  /// Since the phase's first message, or its begin.
  double seconds() const { return watch_.seconds(); }

 private:
  friend class OpenExchange;

  Status Run(std::vector<Message> messages, bool fill_places, const Grid::OnReply& on_reply);

  Grid& grid_;
  const StartOptions& options_;
  PendingReplies pending_;
  int sendings_ = 0;

  // Of the phase:
  std::string_view phase_;
  int server_round_ = 0;
  std::optional<int> sampled_;
  Stopwatch watch_;
  int late_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> replaced_;  ///< Nodes, with the reason.
};

}  // namespace flwrcpp::internal
