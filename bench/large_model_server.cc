// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Federated averaging of a large model, of which versus_stock takes time and memory: a ServerApp
// and its SuperLink. Prints the seconds of each round.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "flwrcpp/server_app.h"
#include "flwrcpp/strategy/fedavg.h"
#include "program/log.h"
#include "program/program.h"

namespace {

using namespace flwrcpp;

constexpr std::int64_t kArrayBytes = std::int64_t{16} << 20;

/// Arrays of 16 MiB each.
StatusOr<ArrayRecord> MakeModel(int megabytes) {
  ArrayRecord model;
  const std::int64_t elements = kArrayBytes / static_cast<std::int64_t>(sizeof(float));
  for (std::int64_t i = 0; i < (std::int64_t{megabytes} << 20) / kArrayBytes; ++i) {
    // No two chunks are alike: equal ones would be one object on the wire.
    const StatusOr<Array> array =
        Array::Build("float32", {elements}, [&](std::span<std::byte> bytes) {
          auto* const values = reinterpret_cast<float*>(bytes.data());
          std::iota(values, values + elements, static_cast<float>(1 + i));
        });
    if (!array.ok()) return array.status();
    model.Set(fmt::format("layer{}", i), *array);
  }
  return model;
}

Status Run(Grid& grid, const Context& context, int megabytes, int nodes, int rounds) {
  FedAvgOptions options;
  options.min_available_nodes = options.min_train_nodes = nodes;
  options.fraction_evaluate = 0;
  StatusOr<std::unique_ptr<FedAvg>> strategy = FedAvg::Create(options);
  if (!strategy.ok()) return strategy.status();
  StatusOr<ArrayRecord> model = MakeModel(megabytes);
  if (!model.ok()) return model.status();

  StartOptions start;
  start.initial_arrays = *std::move(model);
  start.num_rounds = rounds;
  start.stop = context.stop;
  start.on_round = [&](const RoundReport& report, const ArrayRecord& /*arrays*/) -> Status {
    if (!report.train || report.train->num_results != nodes) {
      return {StatusCode::kInternal, "not every node answered"};
    }
    program::Say(fmt::format("round {}: {:.3f} s", report.server_round, report.seconds));
    return {};
  };
  const StatusOr<Result> result = (*strategy)->Start(grid, std::move(start));
  return result.status();
}

}  // namespace

int main(int argc, char** argv) {
  int megabytes = 256;
  int nodes = 2;
  int rounds = 2;
  SuperLinkOptions options;
  options.http_port = 0;
  options.insecure = true;
  CLI::App cli("Federated averaging of a large model");
  cli.add_option("--megabytes", megabytes)->check(CLI::Range(16, 4096))->capture_default_str();
  cli.add_option("--nodes", nodes)->check(CLI::Range(1, 100))->capture_default_str();
  cli.add_option("--rounds", rounds)->check(CLI::Range(1, 100))->capture_default_str();
  CLI11_PARSE(cli, argc, argv);

  const program::SignalStop stop;
  program::LogOptions log;
  log.level = "warning";
  if (const Status status = program::StartLog(log); !status.ok()) {
    return program::ReportError(status);
  }
  const StatusOr<std::unique_ptr<SuperLink>> superlink = SuperLink::Start(options);
  if (!superlink.ok()) return program::ReportError(superlink.status());
  program::Say(
      fmt::format("Fleet API (http) listening on 127.0.0.1:{}", (*superlink)->http_port()));
  const ServerApp app(
      [&](Grid& grid, Context& context) { return Run(grid, context, megabytes, nodes, rounds); });
  const Status status = app.Run(**superlink, RunOptions{}, stop.token());
  return status.ok() ? program::kSuccess : program::ReportError(status);
}
