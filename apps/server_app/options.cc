// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <type_traits>

#include "program/command_line.h"
#include "program/files.h"
#include "task/data.h"

namespace flwrcpp::server_app {
namespace {

constexpr std::size_t kMaxFabBytes = std::size_t{10} << 20;

struct Raw {
  RemoteFlags remote;
  std::string fab_file;
  StrategyFlags strategy;
  double round_timeout = 3600;
  std::string initial = "server";
};

void AddRoundOptions(CLI::App& cli, Options& options, Raw& raw) {
  constexpr char kGroup[] = "Rounds and strategy";
  cli.add_option("--fab", raw.fab_file,
                 "Flower app (made by flwr build) whose ClientApp Flower's own SuperNodes run")
      ->group(kGroup);
  cli.add_option("--rounds", options.rounds, "Number of rounds")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group(kGroup);
  raw.strategy.AddTo(cli, kGroup, options.strategy);
  cli.add_option("--round-timeout", raw.round_timeout,
                 "Seconds to wait for the replies of a phase; 0: without limit")
      ->check(program::CheckNotNegative)
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--initial-parameters", raw.initial,
                 "server: a fresh network; client: those of one node (classic style)")
      ->check(CLI::IsMember({"server", "client"}))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--lr", options.lr, "Learning rate of the nodes")
      ->check(program::CheckAboveZero)
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--local-epochs", options.local_epochs, "Passes over a node's data per round")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--batch-size", options.batch_size, "Samples per step of the nodes")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--seed", options.seed, "Seed of the initial network and of sampling nodes")
      ->capture_default_str()
      ->group(kGroup);
}

void AddOutputOptions(CLI::App& cli, Options& options) {
  constexpr char kGroup[] = "Evaluation and output";
  cli.add_option("--dataset", options.dataset,
                 fmt::format("{}", fmt::join(task::TaskDatasetNames(), " or ")))
      ->check(CLI::IsMember(task::TaskDatasetNames()))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--data-dir", options.data_dir,
                 "Folder of the dataset's files (default: Debian's for Fashion-MNIST)")
      ->group(kGroup);
  cli.add_flag("--server-evaluation,!--no-server-evaluation", options.server_evaluation,
               "Measure the global model on the test images each round (default: yes)")
      ->group(kGroup);
  cli.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--threads", options.threads, "Threads of libtorch")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--out", options.out, "Folder for checkpoints, the model, metrics and the report")
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--resume", options.resume,
                 "Folder of an earlier run: go on from its latest checkpoint")
      ->group(kGroup);
}

Status Complete(const Raw& raw, const CLI::App& cli, Options& options) {
  StatusOr<RemoteOptions> remote = raw.remote.Complete(options.hosting.superlink().insecure);
  if (!remote.ok()) return remote.status();
  options.remote = *std::move(remote);
  options.run.federation = raw.remote.federation;
  if (options.remote.way == RemoteOptions::Way::kNone) {
    if (Status status = options.hosting.Complete(); !status.ok()) return status;
  }
  if (!raw.fab_file.empty()) {
    StatusOr<std::string> fab = program::ReadFile(raw.fab_file, kMaxFabBytes);
    if (!fab.ok()) return fab.status();
    options.run.fab = Bytes(*std::move(fab));
  }
  options.strategy.common.seed = options.seed;
  if (Status status = raw.strategy.Complete(options.strategy); !status.ok()) return status;
  options.initial_from_client = raw.initial == "client";
  options.round_timeout.reset();
  if (raw.round_timeout > 0) {
    options.round_timeout = std::chrono::duration<double>(raw.round_timeout);
  }
  // A run that goes on keeps its folder unless another one is named.
  if (!options.resume.empty() && cli.count("--out") == 0) options.out = options.resume;
  return absl::OkStatus();
}

}  // namespace

bool ParseCommandLine(int argc, char** argv, Options& options, int& exit_code) {
  CLI::App cli(
      "Federated learning of a CNN: a ServerApp and its SuperLink in one process, or a ServerApp\n"
      "for a SuperLink elsewhere. Nodes (ours or Flower's) join through the Fleet API; Ctrl-C "
      "ends\n"
      "after a checkpoint.");
  Raw raw;
  options.log.level = "warning";  // the rounds are shown anyway
  options.hosting.AddTo(cli);
  raw.remote.AddTo(cli);
  AddRoundOptions(cli, options, raw);
  AddOutputOptions(cli, options);
  const auto complete = [&] { return Complete(raw, cli, options); };
  return program::ParseCommandLine(cli, "server_app", argc, argv, options.log, complete, exit_code);
}

Status ApplyRunConfig(const UserConfig& config, Options& options) {
  Status status;
  const auto number = [&](const char* key, double lowest, double highest, auto& out) {
    if (!status.ok() || !config.contains(key)) return;
    const StatusOr<double> value = config.GetDouble(key);
    if (!value.ok()) {
      status = value.status();
    } else if (!(*value >= lowest && *value <= highest)) {
      status = Status(
          StatusCode::kInvalidArgument,
          fmt::format("run config: {} is {}, expected {} to {}", key, *value, lowest, highest));
    } else {
      out = static_cast<std::remove_reference_t<decltype(out)>>(*value);
    }
  };
  constexpr double kMany = 1e6;
  FedAvgOptions& common = options.strategy.common;
  int min_nodes = common.min_available_nodes;
  number("num-server-rounds", 1, kMany, options.rounds);
  number("min-nodes", 1, kMany, min_nodes);
  number("fraction-train", 0, 1, common.fraction_train);
  number("fraction-evaluate", 0, 1, common.fraction_evaluate);
  number("over-selection", 0, StartOptions::kMaxOverSelection, options.strategy.over_selection);
  number("max-redispatches", 0, kMany, options.strategy.max_redispatches);
  number("lr", 0, kMany, options.lr);
  number("local-epochs", 1, kMany, options.local_epochs);
  number("batch-size", 1, kMany, options.batch_size);
  number("seed", 0, 9e15, options.seed);
  options.strategy.SetMinNodes(min_nodes);
  common.seed = options.seed;
  return status.ok() ? ApplyRunConfig(config, options.strategy) : status;
}

std::vector<std::pair<std::string, std::string>> DescribeSettings(const Options& options,
                                                                  const Strategy& strategy) {
  std::vector<std::pair<std::string, std::string>> settings = {
      {"dataset", options.dataset},
      {"strategy", options.strategy.FullName()},
      {"strategy settings", fmt::format("{}", fmt::join(strategy.Summary(), "; "))},
      {"rounds", std::to_string(options.rounds)},
      {"over-selection", fmt::format("{}", options.strategy.over_selection)},
      {"max-redispatches", std::to_string(options.strategy.max_redispatches)},
      {"lr", fmt::format("{}", options.lr)},
      {"local-epochs", std::to_string(options.local_epochs)},
      {"batch-size", std::to_string(options.batch_size)},
      {"seed", std::to_string(options.seed)},
      {"initial-parameters", options.initial_from_client ? "client" : "server"}};
  if (!options.resume.empty()) settings.emplace_back("resumed from", options.resume);
  return settings;
}

}  // namespace flwrcpp::server_app
