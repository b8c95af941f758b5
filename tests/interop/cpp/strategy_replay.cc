// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// strategy_replay CASES OUTCOMES: what our strategies make of the replies in a file of
// make_strategies.py. Writes a list with the outcomes of each case's rounds.

#include <fmt/format.h>

#include <exception>
#include <fstream>
#include <vector>

#include "tests/support/strategy_cases.h"

namespace {

using flwrcpp::StatusOr;
using flwrcpp::testing::Json;
using flwrcpp::testing::RoundOutcome;
using flwrcpp::testing::StrategyCase;

StatusOr<std::vector<RoundOutcome>> Run(const StrategyCase& one) {
  const auto strategy = flwrcpp::testing::MakeStrategyOf(one);
  if (!strategy.ok()) return strategy.status();
  return Replay(one, **strategy, {.arrays = one.initial_arrays});
}

/// @return the exit status.
int Main(const char* cases_name, const char* outcomes_name) {
  std::ifstream file(cases_name);
  Json all = Json::array();
  for (const StrategyCase& one : flwrcpp::testing::ReadStrategyCases(Json::parse(file))) {
    const auto outcomes = Run(one);
    if (!outcomes.ok()) {
      fmt::print(stderr, "{}: {}\n", one.name, outcomes.status().ToString());
      return 1;
    }
    Json rounds = Json::array();
    for (const RoundOutcome& outcome : *outcomes) {
      rounds.push_back(flwrcpp::testing::ToJson(outcome));
    }
    all.push_back(std::move(rounds));
  }
  std::ofstream out(outcomes_name);
  out << all;
  out.close();
  return out ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: strategy_replay CASES OUTCOMES\n");
    return 2;
  }
  try {
    return Main(argv[1], argv[2]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
