// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "program/program.h"

namespace flwrcpp::server_app {
namespace {

struct Raw {
  std::uint16_t port = 8000;
  std::string certificate_file;
  std::string key_file;
  int min_nodes = 2;
  double round_timeout = 3600;
  std::string initial = "server";
  double pull_wait = 20;
};

void AddFederationOptions(CLI::App& cli, Options& options, Raw& raw) {
  constexpr char kGroup[] = "Federation";
  SuperLinkOptions& superlink = options.superlink;
  cli.add_option("--host", superlink.host, "Address to listen on")
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--port", raw.port, "Port of the HTTP Fleet API; 0: any free one")
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--grpc-port", superlink.grpc_port,
                 "Port of the gRPC Fleet API for nodes before Flower 1.40; 0: any (default: off)")
      ->group(kGroup);
  cli.add_flag("--insecure", superlink.insecure, "Plain text instead of TLS")->group(kGroup);
  cli.add_option("--ssl-certfile", raw.certificate_file, "PEM file of the certificate chain")
      ->group(kGroup);
  cli.add_option("--ssl-keyfile", raw.key_file, "PEM file of its private key")->group(kGroup);
  cli.add_option("--database", superlink.database,
                 "SQLite file for the state of the federation (default: in memory)")
      ->group(kGroup);
  cli.add_flag("--enable-supernode-auth", superlink.enable_supernode_auth,
               "Only nodes whose key is given by --register-supernode may join")
      ->group(kGroup);
  cli.add_option("--register-supernode", options.node_keys,
                 "Public key file (PEM or OpenSSH) of a node that may join; may be repeated")
      ->group(kGroup);
}

void AddPullWait(CLI::App& cli, Raw& raw) {
  cli.add_option("--pull-wait", raw.pull_wait,
                 "Seconds that a node's pull may wait for a message; 0: answer at once, as stock")
      ->check(CLI::Range(0.0, 28.0))
      ->capture_default_str()
      ->group("Federation");
}

void AddRoundOptions(CLI::App& cli, Options& options, Raw& raw) {
  constexpr char kGroup[] = "Rounds and strategy (FedAvg)";
  cli.add_option("--rounds", options.rounds, "Number of rounds")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--min-nodes", raw.min_nodes, "A round waits until so many nodes are online")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--fraction-train", options.strategy.fraction_train,
                 "Share of the online nodes that trains in a round")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--fraction-evaluate", options.strategy.fraction_evaluate,
                 "Share of the online nodes that evaluates; 0 leaves it out")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--round-timeout", raw.round_timeout,
                 "Seconds to wait for the replies of a phase; 0: without limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--initial-parameters", raw.initial,
                 "server: a fresh network; client: those of one node (classic style)")
      ->check(CLI::IsMember({"server", "client"}))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--lr", options.lr, "Learning rate of the nodes")
      ->check(CLI::PositiveNumber)
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
  cli.add_option("--proximal-mu", options.proximal_mu, "FedProx: weight of the proximal term")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--seed", options.seed, "Seed of the initial network and of sampling nodes")
      ->capture_default_str()
      ->group(kGroup);
}

void AddOutputOptions(CLI::App& cli, Options& options) {
  constexpr char kGroup[] = "Evaluation and output";
  cli.add_option("--dataset", options.dataset, "fashion-mnist or cifar10")
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
  cli.add_option("--out", options.out,
                 "Folder for checkpoints, the model, metrics and the report")
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--resume", options.resume,
                 "Folder of an earlier run: go on from its latest checkpoint")
      ->group(kGroup);
  cli.add_option("--ready-file", options.ready_file,
                 "File that gets host:port of the HTTP Fleet API once it listens, for scripts")
      ->group(kGroup);
}

Status Complete(const Raw& raw, const CLI::App& cli, Options& options) {
  SuperLinkOptions& superlink = options.superlink;
  superlink.http_port = raw.port;
  superlink.pull_wait = std::chrono::duration<double>(raw.pull_wait);
  if (superlink.insecure == !raw.certificate_file.empty() ||
      raw.certificate_file.empty() != raw.key_file.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "give either --insecure, or both --ssl-certfile and --ssl-keyfile");
  }
  if (!raw.certificate_file.empty()) {
    const StatusOr<std::string> certificate = program::ReadTextFile(raw.certificate_file);
    if (!certificate.ok()) return certificate.status();
    const StatusOr<std::string> key = program::ReadTextFile(raw.key_file);
    if (!key.ok()) return key.status();
    superlink.ssl_certificate = *certificate;
    superlink.ssl_private_key = *key;
  }
  options.strategy.min_available_nodes = raw.min_nodes;
  options.strategy.min_train_nodes = raw.min_nodes;
  options.strategy.min_evaluate_nodes = raw.min_nodes;
  if (options.strategy.fraction_train < 1) options.strategy.min_train_nodes = 1;
  if (options.strategy.fraction_evaluate < 1) options.strategy.min_evaluate_nodes = 1;
  options.strategy.seed = options.seed;
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
      "Federated averaging of a CNN: a ServerApp and its SuperLink in one process.\n"
      "Nodes (ours or Flower's) join through the Fleet API; Ctrl-C ends after a checkpoint.");
  cli.name("server_app");
  cli.set_version_flag("--version", program::VersionLine("server_app"));
  cli.footer("\n" + program::ExitCodesHelp());
  Raw raw;
  AddFederationOptions(cli, options, raw);
  AddPullWait(cli, raw);
  AddRoundOptions(cli, options, raw);
  AddOutputOptions(cli, options);
  cli.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = cli.exit(error) == 0 ? program::kSuccess : program::kUsage;
    return false;
  }
  if (const Status status = Complete(raw, cli, options); !status.ok()) {
    program::ReportError(status);
    exit_code = program::kUsage;
    return false;
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> DescribeSettings(const Options& options) {
  std::vector<std::pair<std::string, std::string>> settings = {
      {"dataset", options.dataset},
      {"strategy", "FedAvg"},
      {"rounds", std::to_string(options.rounds)},
      {"min-nodes", std::to_string(options.strategy.min_available_nodes)},
      {"fraction-train", fmt::format("{}", options.strategy.fraction_train)},
      {"fraction-evaluate", fmt::format("{}", options.strategy.fraction_evaluate)},
      {"lr", fmt::format("{}", options.lr)},
      {"local-epochs", std::to_string(options.local_epochs)},
      {"batch-size", std::to_string(options.batch_size)},
      {"proximal-mu", fmt::format("{}", options.proximal_mu)},
      {"seed", std::to_string(options.seed)},
      {"initial-parameters", options.initial_from_client ? "client" : "server"}};
  if (!options.resume.empty()) settings.emplace_back("resumed from", options.resume);
  return settings;
}

}  // namespace flwrcpp::server_app
