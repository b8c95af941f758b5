// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/strategy_options.h"

#include <fmt/format.h>
#include <strings.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "flwrcpp/strategy/make_strategy.h"
#include "program/key_values.h"
#include "server_app/weighted_average.h"

namespace flwrcpp::server_app {
namespace {

constexpr char kExample[] = "eta=0.1 beta-1=0.9";

/// Reads a strategy's parameters and looks whether it can be made with them.
Status SetParameters(const std::string& where, const std::string& text, StrategyOptions& options) {
  StatusOr<ConfigRecord> parameters = program::ParseKeyValues(where, kExample, text);
  if (!parameters.ok()) return parameters.status();
  options.parameters = *std::move(parameters);
  return options.Make().status();
}

/// The name as the strategy writes it itself; an unknown one as it is.
std::string OwnSpelling(const std::string& name) {
  for (const std::string& known : StrategyNames()) {
    if (strcasecmp(known.c_str(), name.c_str()) == 0) return known;
  }
  return name;
}

}  // namespace

StatusOr<std::unique_ptr<Strategy>> StrategyOptions::Make() const {
  FedAvgOptions fedavg = common;
  fedavg.evaluate_metrics_aggr_fn = WeightedAverage;
  return MakeStrategy(name, fedavg, parameters);
}

void StrategyOptions::SetMinNodes(int nodes) {
  common.min_available_nodes = nodes;
  common.min_train_nodes = common.fraction_train < 1 ? 1 : nodes;
  common.min_evaluate_nodes = common.fraction_evaluate < 1 ? 1 : nodes;
}

void StrategyFlags::AddTo(CLI::App& cli, const std::string& group, StrategyOptions& options) {
  cli.add_option("--strategy", name_, fmt::format("{}", fmt::join(StrategyNames(), ", ")))
      ->option_text("NAME [FedAvg]")
      ->group(group);
  cli.add_option("--strategy-config", parameters_,
                 fmt::format("The strategy's parameters by Flower's names, \"{}\"\n"
                             "(default: Flower's)",
                             kExample))
      ->group(group);
  cli.add_option("--min-nodes", min_nodes_, "A round waits until so many nodes are online")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group(group);
  cli.add_option("--fraction-train", options.common.fraction_train,
                 "Share of the online nodes that trains in a round")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(group);
  cli.add_option("--fraction-evaluate", options.common.fraction_evaluate,
                 "Share of the online nodes that evaluates; 0 leaves it out")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(group);
}

Status StrategyFlags::Complete(StrategyOptions& options) const {
  options.name = OwnSpelling(name_);
  options.SetMinNodes(min_nodes_);
  return SetParameters("--strategy-config", parameters_, options);
}

Status ApplyRunConfig(const UserConfig& config, StrategyOptions& options) {
  std::string text;
  if (config.contains("strategy")) {
    StatusOr<std::string> name = config.GetString("strategy");
    if (!name.ok()) return name.status();
    options.name = OwnSpelling(*name);
  } else if (!config.contains("strategy-config")) {
    return absl::OkStatus();
  }
  if (config.contains("strategy-config")) {
    StatusOr<std::string> given = config.GetString("strategy-config");
    if (!given.ok()) return given.status();
    text = *std::move(given);
  }
  return SetParameters("run config: strategy-config", text, options);
}

}  // namespace flwrcpp::server_app
