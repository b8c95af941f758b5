// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "flwrcpp/grid.h"
#include "flwrcpp/strategy/strategy.h"

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

/// The exchanges of a run's phases, one phase after the other. Not thread-safe.
class RunExchange : public Exchange {
 public:
  /// Both must outlive this.
  RunExchange(Grid& grid, const StartOptions& options) : grid_(grid), options_(options) {}

  void BeginPhase(std::string_view phase);

  Status SendAndReceive(std::vector<Message> messages, const Grid::OnReply& on_reply) override;
  Status FillPlaces(std::vector<Message> messages, const Grid::OnReply& on_reply) override;

  /// Tells the application how far a phase is.
  Status ReportProgress(int received, int expected) const;

  /// Nodes that the phase's first exchange asked; none if there was no exchange.
  std::optional<int> sampled() const { return sampled_; }
  /// Since the phase's first message, or its begin.
  double seconds() const { return watch_.seconds(); }

 private:
  Grid& grid_;
  const StartOptions& options_;
  std::string_view phase_;
  std::optional<int> sampled_;
  Stopwatch watch_;
};

}  // namespace flwrcpp::internal
