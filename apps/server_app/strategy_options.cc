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
constexpr char kPrivacyExample[] = "noise-multiplier=1 clipping-norm=1";
constexpr char kSecAggExample[] = "reconstruction-threshold=0.6 max-weight=15000";

Status Parse(const std::string& where, const std::string& example, const std::string& text,
             ConfigRecord& out) {
  StatusOr<ConfigRecord> parameters = program::ParseKeyValues(where, example, text);
  if (!parameters.ok()) return parameters.status();
  out = *std::move(parameters);
  return absl::OkStatus();
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
  StatusOr<std::unique_ptr<Strategy>> strategy = MakeStrategy(name, fedavg, parameters);
  if (!strategy.ok()) return strategy;
  const bool all_train = common.fraction_train == 1;
  strategy = Wrap(privacy, all_train ? common.min_available_nodes : 0, *std::move(strategy));
  if (!strategy.ok()) return strategy;
  const bool clips_on_server = privacy.kind.starts_with("server-");
  const bool fills_places = over_selection > 0 || max_redispatches > 0;
  if (fills_places && (name == "FedBuff" || !secagg.kind.empty())) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("over-selection and max-redispatches have no part in {}",
                              name == "FedBuff" ? name : secagg.kind));
  }
  return WrapInSecAgg(secagg, name, clips_on_server, *std::move(strategy));
}

std::string StrategyOptions::FullName() const {
  std::string full_name = name;
  if (!privacy.kind.empty()) full_name += ", dp " + privacy.kind;
  if (!secagg.kind.empty()) full_name += ", " + secagg.kind;
  return full_name;
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
  cli.add_option("--dp", privacy_,
                 fmt::format("Differential privacy around the strategy: {}",
                             fmt::join(PrivacyKinds(), ", ")))
      ->option_text("NAME")
      ->group(group);
  cli.add_option("--dp-config", privacy_parameters_,
                 fmt::format("Its parameters by Flower's names, \"{}\"; target-delta and\n"
                             "max-epsilon keep account of what is spent",
                             kPrivacyExample))
      ->group(group);
  cli.add_option("--secagg", secagg_,
                 fmt::format("Secure aggregation around both: {}; needs nodes with\n"
                             "--mods of that name",
                             fmt::join(SecAggKinds(), ", ")))
      ->option_text("NAME")
      ->group(group);
  cli.add_option("--secagg-config", secagg_parameters_,
                 fmt::format("Its parameters by Flower's names, \"{}\"", kSecAggExample))
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
  cli.add_option("--over-selection", options.over_selection,
                 "Share of nodes to ask beyond those that a round needs: it takes\n"
                 "the first replies, slower ones count as late")
      ->check(CLI::Range(0.0, StartOptions::kMaxOverSelection))
      ->capture_default_str()
      ->group(group);
  cli.add_option("--max-redispatches", options.max_redispatches,
                 "How often a round gives the place of a node that was lost to\n"
                 "another one")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str()
      ->group(group);
}

Status StrategyFlags::Complete(StrategyOptions& options) const {
  options.name = OwnSpelling(name_);
  options.SetMinNodes(min_nodes_);
  options.privacy.kind = privacy_;
  options.secagg.kind = secagg_;
  Status status = Parse("--strategy-config", kExample, parameters_, options.parameters);
  if (status.ok()) {
    status = Parse("--dp-config", kPrivacyExample, privacy_parameters_, options.privacy.parameters);
  }
  if (status.ok()) {
    status =
        Parse("--secagg-config", kSecAggExample, secagg_parameters_, options.secagg.parameters);
  }
  return status.ok() ? options.Make().status() : status;
}

Status ApplyRunConfig(const UserConfig& config, StrategyOptions& options) {
  Status status;
  const auto text = [&](const char* key, std::string& out) {
    if (!status.ok() || !config.contains(key)) return false;
    StatusOr<std::string> value = config.GetString(key);
    status = value.status();
    if (value.ok()) out = *std::move(value);
    return value.ok();
  };
  const auto choose = [&](const char* key, const char* parameters_key, const char* example,
                          std::string& name, ConfigRecord& parameters) {
    if (text(key, name)) parameters.clear();
    std::string pairs;
    if (text(parameters_key, pairs)) {
      status = Parse(fmt::format("run config: {}", parameters_key), example, pairs, parameters);
    }
  };
  choose("strategy", "strategy-config", kExample, options.name, options.parameters);
  choose("dp", "dp-config", kPrivacyExample, options.privacy.kind, options.privacy.parameters);
  choose("secagg", "secagg-config", kSecAggExample, options.secagg.kind, options.secagg.parameters);
  options.name = OwnSpelling(options.name);
  return status.ok() ? options.Make().status() : status;
}

}  // namespace flwrcpp::server_app
