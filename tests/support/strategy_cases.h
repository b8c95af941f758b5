// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flwrcpp/strategy/strategy.h"
#include "tests/support/golden.h"

namespace flwrcpp::testing {

/// What a strategy asked for in a round and what came out of it.
struct RoundOutcome {
  std::vector<std::uint64_t> nodes;  ///< That were to train, in ascending order.
  ConfigRecord config;               ///< That they got.
  std::optional<ArrayRecord> arrays;
  std::optional<MetricRecord> metrics;
  std::optional<MetricRecord> evaluate_metrics;
};

/// A strategy, what all nodes answer in each round, and what stock Flower makes of it. Written by
/// tests/golden/make_strategies.py.
struct StrategyCase {
  std::string name;  ///< For messages.
  std::string strategy;
  ConfigRecord parameters;
  ArrayRecord initial_arrays;
  std::vector<std::vector<Message>> replies;  ///< Of each round, in the order of their arrival.
  std::vector<RoundOutcome> rounds;           ///< With stock Flower.
};

std::vector<StrategyCase> ReadStrategyCases(const Json& file);

/// A new strategy as the case wants it.
StatusOr<std::unique_ptr<Strategy>> MakeStrategyOf(const StrategyCase& of);

struct ReplayOptions {
  /// Number of the first round, and the arrays that it begins with.
  int first_round = 1;
  ArrayRecord arrays;
  bool last_reply_first = false;
};

/// Runs the rounds up to the last one, the outcome of each being the global model of the next.
StatusOr<std::vector<RoundOutcome>> Replay(const StrategyCase& of, Strategy& strategy,
                                           ReplayOptions options);

/// As make_strategies.py writes an outcome.
Json ToJson(const RoundOutcome& outcome);

}  // namespace flwrcpp::testing
