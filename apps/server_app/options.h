// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "program/log.h"
#include "server_app/remote_options.h"
#include "server_app/strategy_options.h"
#include "superlink/hosting.h"

namespace flwrcpp::server_app {

/// The command line of `server_app`.
struct Options {
  hosting::HostingOptions hosting;
  RemoteOptions remote;

  /// How the run is started.
  RunOptions run;

  int rounds = 3;
  StrategyOptions strategy;
  std::optional<std::chrono::duration<double>> round_timeout = std::chrono::hours(1);
  bool initial_from_client = false;

  double lr = 0.01;
  int local_epochs = 1;
  int batch_size = 32;

  std::string dataset = "fashion-mnist";
  std::string data_dir;
  bool server_evaluation = true;
  std::string device = "auto";
  int threads = 2;
  std::uint64_t seed = 42;

  std::string out = "out";
  std::string resume;
  program::LogOptions log;
};

/// Reads the command line; prints help, version or what is wrong.
/// @return true to go on; else the program ends with `exit_code`.
bool ParseCommandLine(int argc, char** argv, Options& options, int& exit_code);

/// Lays the run config of a run that a user started (`flwr run --run-config`) over `options`:
/// `num-server-rounds`, `strategy`, `strategy-config`, `dp`, `dp-config`, `secagg`,
/// `secagg-config`, `min-nodes`, `fraction-train`, `fraction-evaluate`, `over-selection`,
/// `max-redispatches`, `lr`, `local-epochs`, `batch-size`, `seed`. Other keys are left to the
/// nodes.
/// @return `kInvalidArgument` naming a key whose value is none for it.
Status ApplyRunConfig(const UserConfig& config, Options& options);

/// What a report says about how a run with this strategy was started.
std::vector<std::pair<std::string, std::string>> DescribeSettings(const Options& options,
                                                                  const Strategy& strategy);

}  // namespace flwrcpp::server_app
