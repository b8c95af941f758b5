// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "program/program.h"

namespace flwrcpp::server_app {

void Progress::Waiting(int min_nodes) {
  program::Say(fmt::format("Waiting for {} node{} to join", min_nodes, min_nodes == 1 ? "" : "s"));
}

void Progress::Reply(int server_round, std::string_view phase, int received, int expected) {
  if (!terminal_) return;
  const double share = expected == 0 ? 1.0 : static_cast<double>(received) / expected;
  const double done = phase == "train" ? 0.5 * share : 0.5 + 0.5 * share;
  Draw(server_round, (server_round - 1 + done) / std::max(1, num_rounds_),
       fmt::format("{} {}/{}", phase, received, expected));
}

void Progress::Round(const RoundFigures& figures) {
  Clear();
  std::vector<std::string> parts;
  if (figures.train_results + figures.train_failures > 0) {
    parts.push_back(fmt::format("trained by {} node{}", figures.train_results,
                                figures.train_results == 1 ? "" : "s"));
  }
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) parts.push_back(fmt::format("{} {:.4f}", name, *value));
  };
  add("loss", figures.train_loss);
  add("eval accuracy", figures.eval_accuracy);
  add("test accuracy", figures.test_accuracy);
  const int failures = figures.train_failures + figures.evaluate_failures;
  if (failures > 0) {
    parts.push_back(fmt::format("{} failure{}", failures, failures == 1 ? "" : "s"));
  }
  const int late = figures.train_late + figures.evaluate_late;
  if (late > 0) parts.push_back(fmt::format("{} late", late));
  const std::string begin = figures.server_round == 0
                                ? "Initial model"
                                : fmt::format("Round {}/{}", figures.server_round, num_rounds_);
  program::Say(fmt::format("{}: {} ({:.2f} s)", begin, fmt::join(parts, ", "), figures.seconds));
  for (const std::string& failure : figures.failures) program::Say("  failure of " + failure);
}

void Progress::Draw(int server_round, double share, std::string_view text) {
  constexpr int kBarWidth = 30;
  const int filled = static_cast<int>(share * kBarWidth);
  fmt::print("\r\x1b[K[{:#<{}}{:.<{}}] round {}/{} {}", "", filled, "", kBarWidth - filled,
             server_round, num_rounds_, text);
  std::fflush(stdout);
}

void Progress::Clear() {
  if (terminal_) fmt::print("\r\x1b[K");
}

}  // namespace flwrcpp::server_app
