// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A federation in one program: a SuperLink, its ServerApp and some nodes in threads, which really
// talk over HTTP. The task is a table of numbers, the model a few plain arrays; nothing here needs
// libtorch. Each site knows a part of what machines do; together they learn all of it.
//
//   tabular_regression [sites, 4] [rounds, 20] [--strategy NAME]
//                      [--strategy-config "eta=0.1 beta-1=0.9"]

#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "flwrcpp/client_app.h"
#include "flwrcpp/node.h"
#include "flwrcpp/server_app.h"
#include "flwrcpp/strategy/make_strategy.h"
#include "regressor.h"

namespace {

using tabular_regression::Measure;
using tabular_regression::Regressor;
using tabular_regression::Table;

constexpr std::size_t kRows = 500;
constexpr std::uint32_t kModelSeed = 1;
constexpr int kLocalEpochs = 5;
constexpr float kLearningRate = 0.05F;

/// What the command line says.
struct Options {
  int sites = 4;
  int rounds = 20;
  std::string strategy = "FedAvg";
  flwrcpp::ConfigRecord strategy_config;
};

/// What a site does with a message of type "train": learn from its own table.
flwrcpp::ClientApp MakeApp(std::size_t site, std::size_t num_sites) {
  const auto table = std::make_shared<const Table>(
      Measure(site, num_sites, kRows, 100 + static_cast<std::uint32_t>(site)));
  flwrcpp::ClientApp app;
  app.Train([table](const flwrcpp::Message& message,
                    flwrcpp::Context& /*context*/) -> flwrcpp::StatusOr<flwrcpp::Message> {
    const flwrcpp::ArrayRecord* arrays = message.content().FindArrays("arrays");
    const flwrcpp::ConfigRecord* config = message.content().FindConfig("config");
    if (arrays == nullptr || config == nullptr) {
      return flwrcpp::Status(flwrcpp::StatusCode::kInvalidArgument,
                             "expected the records 'arrays' and 'config'");
    }
    const auto round = config->GetInt("server-round");
    if (!round.ok()) return round.status();
    Regressor model(kModelSeed);
    if (flwrcpp::Status status = model.SetParameters(*arrays); !status.ok()) return status;
    model.Train(*table, kLocalEpochs, kLearningRate, static_cast<std::uint32_t>(*round));
    auto trained = model.Parameters();
    if (!trained.ok()) return trained.status();
    flwrcpp::RecordDict content;
    content.Set("arrays", *std::move(trained));
    content.Set("metrics",
                flwrcpp::MetricRecord{{"num-examples", static_cast<std::int64_t>(table->size())},
                                      {"rmse", model.Rmse(*table)}});
    return flwrcpp::Message::ReplyTo(message, std::move(content));
  });
  return app;
}

/// The strategy by its name, with what is the same for all.
flwrcpp::StatusOr<std::unique_ptr<flwrcpp::Strategy>> MakeStrategy(const Options& options) {
  flwrcpp::FedAvgOptions common;
  common.fraction_evaluate = 0;
  common.min_train_nodes = common.min_available_nodes = options.sites;
  return flwrcpp::MakeStrategy(options.strategy, common, options.strategy_config);
}

/// The federation's ServerApp: aggregates, and measures every model on machines of all kinds.
flwrcpp::Status Coordinate(flwrcpp::Grid& grid, const Table& test, int num_rounds,
                           flwrcpp::Strategy& strategy) {
  auto initial = Regressor(kModelSeed).Parameters();
  if (!initial.ok()) return initial.status();
  flwrcpp::StartOptions start;
  start.initial_arrays = *std::move(initial);
  start.num_rounds = num_rounds;
  start.evaluate_fn = [&](int round, const flwrcpp::ArrayRecord& arrays)
      -> flwrcpp::StatusOr<std::optional<flwrcpp::MetricRecord>> {
    Regressor model(kModelSeed);
    if (flwrcpp::Status status = model.SetParameters(arrays); !status.ok()) return status;
    std::cout << "round " << round << ": rmse " << model.Rmse(test) << std::endl;
    return std::optional(flwrcpp::MetricRecord{{"rmse", model.Rmse(test)}});
  };
  return strategy.Start(grid, std::move(start)).status();
}

flwrcpp::Status Run(const Options& command_line, flwrcpp::Strategy& strategy) {
  const auto sites = static_cast<std::size_t>(command_line.sites);
  const Table test = Measure(sites, sites, 2000, 7);
  Regressor alone(kModelSeed);
  alone.Train(Measure(0, sites, kRows, 100), kLocalEpochs * command_line.rounds, kLearningRate, 1);
  std::cout << "site 0 alone: rmse " << alone.Rmse(test) << std::endl;

  flwrcpp::SuperLinkOptions options;
  options.http_port = 0;
  options.insecure = true;
  auto superlink = flwrcpp::SuperLink::Start(options);
  if (!superlink.ok()) return superlink.status();

  std::vector<std::jthread> nodes;
  for (std::size_t site = 0; site < sites; ++site) {
    nodes.emplace_back([&, site](const std::stop_token& stop) {
      flwrcpp::NodeOptions node;
      node.superlink = "127.0.0.1:" + std::to_string((*superlink)->http_port());
      node.insecure = true;
      const flwrcpp::Status status = flwrcpp::RunNode(MakeApp(site, sites), node, stop);
      if (!status.ok()) std::cerr << "site " << site << ": " << status.message() << '\n';
    });
  }
  const flwrcpp::ServerApp app([&](flwrcpp::Grid& grid, flwrcpp::Context& /*context*/) {
    return Coordinate(grid, test, command_line.rounds, strategy);
  });
  return app.Run(**superlink, {}, {});
}

/// Numbers by name, such as "eta=0.1 beta-1=0.9".
bool ParseNumbers(const std::string& text, flwrcpp::ConfigRecord& numbers) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return false;
    char* end = nullptr;
    const double number = std::strtod(word.c_str() + equals + 1, &end);
    if (equals + 1 == word.size() || *end != '\0') return false;
    numbers.Set(word.substr(0, equals), number);
  }
  return true;
}

bool ParseCommandLine(int argc, char** argv, Options& options) {
  int positions = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const bool has_value = i + 1 < argc;
    if (flag == "--strategy" && has_value) {
      options.strategy = argv[++i];
    } else if (flag == "--strategy-config" && has_value) {
      if (!ParseNumbers(argv[++i], options.strategy_config)) return false;
    } else if (positions < 2) {
      (positions++ == 0 ? options.sites : options.rounds) = std::atoi(argv[i]);
    } else {
      return false;
    }
  }
  return options.sites >= 1 && options.sites <= 100 && options.rounds >= 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!ParseCommandLine(argc, argv, options)) {
    std::cerr << "usage: tabular_regression [sites, 1 to 100] [rounds] [--strategy NAME]\n"
                 "                          [--strategy-config \"NAME=NUMBER ...\"]\n";
    return 2;
  }
  const auto strategy = MakeStrategy(options);
  if (!strategy.ok()) {
    std::cerr << "error: " << strategy.status().message() << '\n';
    return 2;
  }
  const flwrcpp::Status status = Run(options, **strategy);
  if (!status.ok()) std::cerr << "error: " << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
