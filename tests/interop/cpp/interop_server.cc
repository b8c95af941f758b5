// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A server for the interop tests: a SuperLink and a run with a small model, any strategy by name,
// alone or in a wrapper of differential privacy without noise, and the options of Strategy::Start
// about slow and lost nodes. Prints a line a round; with --out it writes the model before and after
// each round.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/log.h"
#include "flwrcpp/server_app.h"
#include "flwrcpp/strategy/dp_adaptive_clipping.h"
#include "flwrcpp/strategy/dp_fixed_clipping.h"
#include "flwrcpp/strategy/make_strategy.h"
#include "flwrcpp/superlink.h"
#include "program/files.h"
#include "program/program.h"
#include "tests/interop/cpp/saved_model.h"

namespace {

using flwrcpp::ArrayRecord;
using flwrcpp::Context;
using flwrcpp::Grid;
using flwrcpp::MetricRecord;
using flwrcpp::Status;
using flwrcpp::StatusOr;
using flwrcpp::Strategy;
using flwrcpp::program::Say;

constexpr std::size_t kMaxFabBytes = std::size_t{10} << 20;

struct Options {
  std::string strategy = "FedAvg";
  std::vector<std::string> parameters;  ///< `name=number`
  flwrcpp::FedAvgOptions common;
  std::string dp;  ///< Which wrapper; none if empty.
  double clipping_norm = 0.1;
  double noise_multiplier = 0;
  std::int64_t columns = 3;  ///< Of the model's weights, which have four rows.
  flwrcpp::StartOptions run;
  std::string out;
  std::string fab;
  std::string fault;
  std::int64_t fault_partition = -1;
  double fault_seconds = 0;
};

/// `name=number`, each a parameter of the strategy.
StatusOr<flwrcpp::ConfigRecord> ParseParameters(const std::vector<std::string>& parameters) {
  flwrcpp::ConfigRecord config;
  for (const std::string& parameter : parameters) {
    const std::size_t equals = parameter.find('=');
    double number = 0;
    const char* const end = parameter.data() + parameter.size();
    if (equals == std::string::npos ||
        std::from_chars(parameter.data() + equals + 1, end, number).ptr != end) {
      return Status(flwrcpp::StatusCode::kInvalidArgument,
                    "--parameter " + parameter + ": expected name=number");
    }
    config.Set(parameter.substr(0, equals), number);
  }
  return config;
}

/// The strategy in the wrapper that --dp names. Without noise, if not asked for, so that every
/// number can be foretold.
StatusOr<std::unique_ptr<Strategy>> WithClipping(const Options& options,
                                                 std::unique_ptr<Strategy> strategy) {
  flwrcpp::DifferentialPrivacyFixedClippingOptions fixed;
  flwrcpp::DifferentialPrivacyAdaptiveClippingOptions adaptive;
  fixed.noise_multiplier = adaptive.noise_multiplier = options.noise_multiplier;
  fixed.clipping_norm = adaptive.initial_clipping_norm = options.clipping_norm;
  fixed.num_sampled_clients = adaptive.num_sampled_clients = options.common.min_train_nodes;
  if (options.dp == "server-fixed") {
    return flwrcpp::DifferentialPrivacyServerSideFixedClipping::Create(std::move(strategy), fixed);
  }
  if (options.dp == "server-adaptive") {
    return flwrcpp::DifferentialPrivacyServerSideAdaptiveClipping::Create(std::move(strategy),
                                                                          adaptive);
  }
  if (options.dp == "client-fixed") {
    return flwrcpp::DifferentialPrivacyClientSideFixedClipping::Create(std::move(strategy), fixed);
  }
  if (options.dp == "client-adaptive") {
    return flwrcpp::DifferentialPrivacyClientSideAdaptiveClipping::Create(std::move(strategy),
                                                                          adaptive);
  }
  return strategy;
}

/// Tells whose updates there were by their examples, which differ from partition to partition, and
/// what they say of having been clipped.
StatusOr<MetricRecord> KeepReplies(const std::vector<flwrcpp::WeightedMetrics>& replies) {
  std::vector<double> examples;
  std::vector<double> norm_bits;
  for (const flwrcpp::WeightedMetrics& reply : replies) {
    examples.push_back(reply.weight);
    const StatusOr<double> bit = reply.metrics.GetDouble("norm_bit");
    if (bit.ok()) norm_bits.push_back(*bit);
  }
  return MetricRecord{{"examples", std::move(examples)}, {"norm bits", std::move(norm_bits)}};
}

/// The last layer of a model, small.
ArrayRecord InitialArrays(std::int64_t columns) {
  std::vector<float> weights;
  for (int i = 0; i < 4 * columns; ++i) weights.push_back(static_cast<float>(i % 12 - 5) / 4000);
  return {{"fc3.weight", *flwrcpp::Array::From(weights, {4, columns})},
          {"fc3.bias", *flwrcpp::Array::From(std::vector<float>{0, 0, 0, 0}, {4})}};
}

Status Report(const Options& options, const flwrcpp::RoundReport& report,
              const ArrayRecord& arrays) {
  std::vector<double> examples;
  std::vector<double> norm_bits;
  if (report.train->metrics.has_value()) {
    examples = std::get<std::vector<double>>(*report.train->metrics->Find("examples"));
    norm_bits = std::get<std::vector<double>>(*report.train->metrics->Find("norm bits"));
  }
  Say(fmt::format("round {}: examples {}, {} failures, {} late, value {}", report.server_round,
                  fmt::join(examples, " "), report.train->failures.size(), report.train->num_late,
                  arrays.Find("fc3.bias")->ToVector<float>().value()[0]));
  if (!norm_bits.empty()) Say(fmt::format("norm bits {}", fmt::join(norm_bits, " ")));
  return options.out.empty() ? Status() : SaveModel(options.out, report.server_round, arrays);
}

Status Train(Options& options, Grid& grid, Context& context) {
  const StatusOr<flwrcpp::ConfigRecord> parameters = ParseParameters(options.parameters);
  if (!parameters.ok()) return parameters.status();
  options.common.fraction_evaluate = 0;
  options.common.train_metrics_aggr_fn = KeepReplies;
  auto inner = flwrcpp::MakeStrategy(options.strategy, options.common, *parameters);
  if (!inner.ok()) return inner.status();
  const auto strategy = WithClipping(options, *std::move(inner));
  if (!strategy.ok()) return strategy.status();

  flwrcpp::StartOptions& run = options.run;
  run.initial_arrays = InitialArrays(options.columns);
  if (!options.out.empty()) {
    const Status saved = SaveModel(options.out, 0, run.initial_arrays);
    if (!saved.ok()) return saved;
  }
  run.train_config = {{"fault", options.fault},
                      {"fault-partition", options.fault_partition},
                      {"fault-seconds", options.fault_seconds}};
  run.stop = context.stop;
  run.on_round = [&](const flwrcpp::RoundReport& report, const ArrayRecord& arrays) {
    return Report(options, report, arrays);
  };
  return (*strategy)->Start(grid, std::move(run)).status();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  int min_nodes = 2;
  CLI::App cli("Server for the interop tests");
  cli.add_option("--strategy", options.strategy);
  cli.add_option("--parameter", options.parameters);
  cli.add_option("--dp", options.dp)
      ->check(
          CLI::IsMember({"server-fixed", "server-adaptive", "client-fixed", "client-adaptive"}));
  cli.add_option("--clipping-norm", options.clipping_norm);
  cli.add_option("--noise-multiplier", options.noise_multiplier);
  cli.add_option("--columns", options.columns)->check(CLI::Range(1, 100000));
  cli.add_option("--rounds", options.run.num_rounds);
  cli.add_option("--min-nodes", min_nodes);
  cli.add_option("--over-selection", options.run.over_selection);
  cli.add_option("--max-redispatches", options.run.max_redispatches);
  cli.add_option("--out", options.out);
  cli.add_option("--fab", options.fab)->check(CLI::ExistingFile);
  cli.add_option("--fault", options.fault);
  cli.add_option("--fault-partition", options.fault_partition);
  cli.add_option("--fault-seconds", options.fault_seconds);
  CLI11_PARSE(cli, argc, argv);
  options.common.min_train_nodes = options.common.min_available_nodes = min_nodes;

  flwrcpp::RunOptions run;
  if (!options.fab.empty()) {
    StatusOr<std::string> fab = flwrcpp::program::ReadFile(options.fab, kMaxFabBytes);
    if (!fab.ok()) return flwrcpp::program::ReportError(fab.status());
    run.fab = flwrcpp::Bytes(*std::move(fab));
  }
  const flwrcpp::program::SignalStop stop;
  flwrcpp::SetLogSink([](flwrcpp::LogLevel level, std::string_view line) {
    if (level >= flwrcpp::LogLevel::kInfo) fmt::print(stderr, "{}\n", line);
  });
  flwrcpp::SuperLinkOptions hosting;
  hosting.http_port = 0;
  hosting.insecure = true;
  const auto superlink = flwrcpp::SuperLink::Start(std::move(hosting));
  if (!superlink.ok()) return flwrcpp::program::ReportError(superlink.status());
  Say(fmt::format("Fleet API (http) listening on 127.0.0.1:{}", (*superlink)->http_port()));
  const flwrcpp::ServerApp app(
      [&](Grid& grid, Context& context) { return Train(options, grid, context); });
  const Status status = app.Run(**superlink, run, stop.token());
  return status.ok() ? flwrcpp::program::kSuccess : flwrcpp::program::ReportError(status);
}
