// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "client_app/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <variant>

#include "client_app/mods.h"
#include "program/command_line.h"
#include "program/files.h"
#include "program/key_values.h"

namespace flwrcpp::client_app {
namespace {

constexpr char kPartitionerExample[] = "num-classes-per-partition=3";
constexpr char kLocalDpExample[] = "clipping-norm=1 sensitivity=1 epsilon=0.9 delta=1e-5";

/// What the command line says before files are read and values are checked.
struct Raw {
  std::string root_certificates;
  std::string private_key;
  std::string node_config;
  std::string partitioner_config;
  std::string mods;
  std::string local_dp_config;
  std::optional<double> max_wait_time;
  double heartbeat_interval = 30;
};

void AddNodeOptions(CLI::App& cli, Options& options, Raw& raw) {
  NodeOptions& node = options.node;
  cli.add_option("--superlink", node.superlink, "host:port of the SuperLink's Fleet API")
      ->capture_default_str()
      ->group("Federation");
  cli.add_flag("--insecure", node.insecure, "Plain text instead of TLS")->group("Federation");
  cli.add_option("--root-certificates", raw.root_certificates,
                 "PEM file of the CAs to trust (default: the system's)")
      ->group("Federation");
  const std::map<std::string, Transport> transports = {{"auto", Transport::kAuto},
                                                       {"http", Transport::kHttp},
                                                       {"grpc", Transport::kGrpc},
                                                       {"classic", Transport::kClassic}};
  cli.add_option("--transport", node.transport,
                 "auto, http (Flower 1.40 and later), grpc (before), or classic\n"
                 "(servers of start_server); default auto")
      ->transform(CLI::CheckedTransformer(transports, CLI::ignore_case).description(""))
      ->option_text("NAME")
      ->group("Federation");
  cli.add_option("--auth-supernode-private-key", raw.private_key,
                 "File of the private EC key that is registered with the SuperLink\n"
                 "(PEM, PKCS#8 or OpenSSH); default: a fresh key, and the node registers itself")
      ->group("Federation");
  cli.add_option("--node-config", raw.node_config,
                 "\"partition-id=0 num-partitions=4\": which part of the data is this node's")
      ->group("Federation");
  cli.add_option("--max-retries", node.max_retries,
                 "Retries while the SuperLink cannot be reached (default: without end)")
      ->group("Federation");
  cli.add_option("--max-wait-time", raw.max_wait_time,
                 "Seconds such retries may take (default: without end)")
      ->check(program::CheckNotNegative)
      ->group("Federation");
  cli.add_option("--heartbeat-interval", raw.heartbeat_interval,
                 "Seconds between heartbeats; a node is offline after twice as long")
      ->check(CLI::Range(10.0, 1800.0))
      ->capture_default_str()
      ->group("Federation");
  cli.add_option("--state-dir", node.state_directory,
                 "Folder where finished replies wait until the SuperLink has them")
      ->group("Federation");
}

void AddDataOptions(CLI::App& cli, Options& options, Raw& raw) {
  task::TaskDataOptions& data = options.data;
  cli.add_option("--dataset", data.dataset,
                 fmt::format("{}", fmt::join(task::TaskDatasetNames(), " or ")))
      ->check(CLI::IsMember(task::TaskDatasetNames()))
      ->capture_default_str()
      ->group("Data and training");
  cli.add_option("--data-dir", data.data_dir,
                 "Folder of the dataset's files (default: Debian's for Fashion-MNIST)")
      ->group("Data and training");
  cli.add_option("--partitioner", data.partitioner,
                 fmt::format("{}", fmt::join(task::TaskPartitionerNames(), ", ")))
      ->capture_default_str()
      ->group("Data and training");
  cli.add_option("--partitioner-config", raw.partitioner_config,
                 fmt::format("Its parameters by Flower's names, \"{}\"", kPartitionerExample))
      ->group("Data and training");
  cli.add_option("--alpha", data.partitions.alpha, "Concentration of the dirichlet partitioner")
      ->capture_default_str()
      ->group("Data and training");
  cli.add_option("--seed", data.partitions.seed, "Seed of the partitioner and of shuffling")
      ->capture_default_str()
      ->group("Data and training");
  cli.add_option("--samples", data.partitions.samples_per_partition,
                 "Samples of the partition at most (default: all)")
      ->group("Data and training");
  cli.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str()
      ->group("Data and training");
  cli.add_option("--threads", options.threads, "Threads of libtorch")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group("Data and training");
  cli.add_flag("--shuffle,!--no-shuffle", options.shuffle,
               "Draw a new order of the samples each epoch (default: yes)")
      ->group("Data and training");
  cli.add_option(
         "--mods", raw.mods,
         fmt::format("Mods around training, the first one outermost, separated by commas:\n{}",
                     fmt::join(ModNames(), ", ")))
      ->group("Data and training");
  cli.add_option("--local-dp-config", raw.local_dp_config,
                 fmt::format("Settings of the mod localdp, \"{}\"", kLocalDpExample))
      ->group("Data and training");
}

/// What ParseKeyValues reads as a partitioner's parameters.
datasets::PartitionerParameters ToParameters(const UserConfig& config) {
  datasets::PartitionerParameters parameters;
  for (const auto& [key, value] : config) {
    if (const auto* flag = std::get_if<bool>(&value)) {
      parameters[key] = *flag;
    } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      parameters[key] = *whole;
    } else if (const auto* number = std::get_if<double>(&value)) {
      parameters[key] = *number;
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      parameters[key] = *text;
    }
  }
  return parameters;
}

/// Reads the files and takes the partition from the node config.
Status Complete(const Raw& raw, Options& options) {
  if (Status status = options.task.Check(); !status.ok()) return status;
  NodeOptions& node = options.node;
  if (options.task.given()) node.superlink = options.task.address();
  if (!raw.root_certificates.empty()) {
    const StatusOr<std::string> text = program::ReadTextFile(raw.root_certificates);
    if (!text.ok()) return text.status();
    node.root_certificates = *text;
  }
  if (!raw.private_key.empty()) {
    const StatusOr<std::string> text = program::ReadTextFile(raw.private_key);
    if (!text.ok()) return text.status();
    node.private_key = *text;
  }
  if (raw.max_wait_time) node.max_wait_time = std::chrono::duration<double>(*raw.max_wait_time);
  node.heartbeat_interval = std::chrono::duration<double>(raw.heartbeat_interval);
  StatusOr<UserConfig> config =
      program::ParseKeyValues("--node-config", "partition-id=0 name='a'", raw.node_config);
  if (!config.ok()) return config.status();
  node.node_config = *std::move(config);

  StatusOr<UserConfig> local_dp =
      program::ParseKeyValues("--local-dp-config", kLocalDpExample, raw.local_dp_config);
  if (!local_dp.ok()) return local_dp.status();
  StatusOr<std::vector<Mod>> mods = MakeMods(raw.mods, *local_dp);
  if (!mods.ok()) return mods.status();
  options.mods = *std::move(mods);
  if (Status status = TakePartition(node.node_config, options.data); !status.ok()) return status;
  StatusOr<UserConfig> partitioner =
      program::ParseKeyValues("--partitioner-config", kPartitionerExample, raw.partitioner_config);
  if (!partitioner.ok()) return partitioner.status();
  options.data.partitions.parameters = ToParameters(*partitioner);
  return task::MakeTaskPartitioner(options.data).status();
}

}  // namespace

Status TakePartition(const UserConfig& node_config, task::TaskDataOptions& data) {
  const auto whole = [&](const char* key, std::int64_t otherwise, std::size_t& out) -> Status {
    const StatusOr<std::int64_t> value =
        node_config.contains(key) ? node_config.GetInt(key) : otherwise;
    if (!value.ok()) return value.status();
    if (*value < 0) {
      return Status(StatusCode::kInvalidArgument,
                    fmt::format("node config: {} is {}, expected 0 or more", key, *value));
    }
    out = static_cast<std::size_t>(*value);
    return absl::OkStatus();
  };
  Status status = whole("partition-id", 0, data.partition_id);
  if (status.ok()) status = whole("num-partitions", 1, data.partitions.num_partitions);
  return status;
}

bool ParseCommandLine(int argc, char** argv, Options& options, int& exit_code) {
  CLI::App cli(
      "Flower node that trains a CNN on its part of an image dataset.\n"
      "Joins our SuperLink or a stock one and answers until it is stopped (Ctrl-C).");
  Raw raw;
  AddNodeOptions(cli, options, raw);
  AddDataOptions(cli, options, raw);
  options.task.AddTo(cli, "flwr-clientapp");
  const auto complete = [&] { return Complete(raw, options); };
  return program::ParseCommandLine(cli, "client_app", argc, argv, options.log, complete, exit_code);
}

}  // namespace flwrcpp::client_app
