// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A server for the interop tests: FedAvg by secure aggregation on a SuperLink of its own. It writes
// the model before and after each round to OUT/round-N/NAME.npy, and OUT/finished in the end.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "flwrcpp/log.h"
#include "flwrcpp/server_app.h"
#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/workflow/secagg.h"
#include "program/files.h"
#include "program/program.h"
#include "tests/interop/cpp/saved_model.h"

namespace {

using flwrcpp::ArrayRecord;
using flwrcpp::Status;
using flwrcpp::StatusCode;
using flwrcpp::StatusOr;
using flwrcpp::program::Say;

struct Options {
  int rounds = 2;
  int nodes = 3;
  double stage_timeout = 60;
  std::string fab;
  std::string out = "out";
  flwrcpp::SecAggPlusOptions secagg;
};

/// Two small arrays with elements of either sign.
StatusOr<ArrayRecord> InitialArrays() {
  ArrayRecord arrays;
  for (const auto& [name, shape] : {std::pair("weight", std::vector<std::int64_t>{7, 11}),
                                    std::pair("bias", std::vector<std::int64_t>{13})}) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i) {
      values.push_back(static_cast<float>(i - count / 2) / 50);
    }
    const StatusOr<flwrcpp::Array> array = flwrcpp::Array::From(values, shape);
    if (!array.ok()) return array.status();
    arrays.Set(name, *array);
  }
  return arrays;
}

Status RunRounds(const Options& options, flwrcpp::Grid& grid, const std::stop_token& stop) {
  flwrcpp::FedAvgOptions fedavg;
  fedavg.fraction_evaluate = 0;  // its messages are not classic
  fedavg.min_train_nodes = fedavg.min_available_nodes = options.nodes;
  auto strategy = flwrcpp::FedAvg::Create(fedavg);
  if (!strategy.ok()) return strategy.status();
  const auto workflow = flwrcpp::SecAggPlusWorkflow::Create(*std::move(strategy), options.secagg);
  if (!workflow.ok()) return workflow.status();
  StatusOr<ArrayRecord> initial = InitialArrays();
  if (!initial.ok()) return initial.status();
  flwrcpp::StartOptions start;
  start.initial_arrays = *std::move(initial);
  if (const Status saved = SaveModel(options.out, 0, start.initial_arrays); !saved.ok()) {
    return saved;
  }
  start.num_rounds = options.rounds;
  start.stop = stop;
  start.on_round = [&](const flwrcpp::RoundReport& report, const ArrayRecord& arrays) {
    Say(fmt::format("round {}: {} results, {} failures", report.server_round,
                    report.train->num_results, report.train->failures.size()));
    return SaveModel(options.out, report.server_round, arrays);
  };
  const Status done = (*workflow)->Start(grid, std::move(start)).status();
  if (done.ok()) std::ofstream(std::filesystem::path(options.out) / "finished");
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  int num_shares = 1;
  int threshold = 2;
  CLI::App cli("Server of secure aggregation for the interop tests");
  cli.add_option("--rounds", options.rounds);
  cli.add_option("--nodes", options.nodes);
  cli.add_option("--num-shares", num_shares);
  cli.add_option("--threshold", threshold);
  cli.add_option("--max-weight", options.secagg.max_weight);
  cli.add_option("--stage-timeout", options.stage_timeout);
  cli.add_option("--fab", options.fab)->check(CLI::ExistingFile);
  cli.add_option("--out", options.out);
  CLI11_PARSE(cli, argc, argv);
  options.secagg.num_shares = num_shares;
  options.secagg.reconstruction_threshold = threshold;
  options.secagg.timeout = std::chrono::duration<double>(options.stage_timeout);
  flwrcpp::SetLogSink([](flwrcpp::LogLevel level, std::string_view line) {
    if (level >= flwrcpp::LogLevel::kInfo) fmt::print(stderr, "{}\n", line);
  });

  const flwrcpp::program::SignalStop stop;
  flwrcpp::SuperLinkOptions superlink_options;
  superlink_options.http_port = 0;
  superlink_options.insecure = true;
  const auto superlink = flwrcpp::SuperLink::Start(superlink_options);
  if (!superlink.ok()) return flwrcpp::program::ReportError(superlink.status());
  Say(fmt::format("Fleet API (http) listening on 127.0.0.1:{}", (*superlink)->http_port()));

  flwrcpp::RunOptions run;
  if (!options.fab.empty()) {
    std::ifstream file(options.fab, std::ios::binary);
    run.fab = flwrcpp::Bytes(
        std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
  }
  const flwrcpp::ServerApp app([&](flwrcpp::Grid& grid, flwrcpp::Context& context) {
    return RunRounds(options, grid, context.stop);
  });
  const Status status = app.Run(**superlink, run, stop.token());
  return status.ok() ? flwrcpp::program::kSuccess : flwrcpp::program::ReportError(status);
}
