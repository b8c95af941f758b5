// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "flwrcpp/status.h"
#include "flwrcpp/strategy/strategy.h"

namespace flwrcpp::server_app {

/// The figures of one round; what was not measured is absent.
struct RoundFigures {
  int server_round = 0;
  std::optional<double> train_loss;     ///< Mean over the nodes' training, by examples.
  std::optional<double> eval_loss;      ///< Over the nodes' validation samples.
  std::optional<double> eval_accuracy;  ///< Likewise, 0 to 1.
  std::optional<double> test_loss;      ///< On the server's test images.
  std::optional<double> test_accuracy;  ///< Likewise, 0 to 1.
  int train_results = 0;
  int train_failures = 0;  ///< Errors and nodes that did not answer.
  int train_late = 0;      ///< Replies to a phase that was closed before, or from too old a model.
  int evaluate_results = 0;
  int evaluate_failures = 0;
  int evaluate_late = 0;
  double seconds = 0;
  std::vector<std::string> failures;  ///< "node 12: why"
};

RoundFigures FiguresOf(const RoundReport& report);

/// A run's figures and what it was started with; lives in `metrics.json`.
struct History {
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<RoundFigures> rounds;
};

std::string ToJson(const History& history);
/// @return `kNotFound` without the file, `kDataLoss` for one that cannot be read.
StatusOr<History> LoadHistory(const std::filesystem::path& metrics_json);
std::string ToCsv(const History& history);
/// A table for the terminal.
std::string ToTable(const History& history);

}  // namespace flwrcpp::server_app
