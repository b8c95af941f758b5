// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "flwrcpp/strategy/dp_adaptive_clipping.h"
#include "flwrcpp/strategy/dp_fixed_clipping.h"
#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/fake_grid.h"

namespace flwrcpp {

using ServerFixed = DifferentialPrivacyServerSideFixedClipping;
using ClientFixed = DifferentialPrivacyClientSideFixedClipping;
using ServerAdaptive = DifferentialPrivacyServerSideAdaptiveClipping;
using ClientAdaptive = DifferentialPrivacyClientSideAdaptiveClipping;
using FixedOptions = DifferentialPrivacyFixedClippingOptions;
using AdaptiveOptions = DifferentialPrivacyAdaptiveClippingOptions;

inline FedAvgOptions TwoNodes() {
  FedAvgOptions options;
  options.fraction_evaluate = 0;
  return options;
}

inline std::unique_ptr<Strategy> Average() { return FedAvg::Create(TwoNodes()).value(); }

inline FixedOptions Fixed(double noise_multiplier = 0, double clipping_norm = 5) {
  FixedOptions options;
  options.noise_multiplier = noise_multiplier;
  options.clipping_norm = clipping_norm;
  options.num_sampled_clients = 2;
  options.noise_seed = 1;
  return options;
}

inline AdaptiveOptions Adaptive(double noise_multiplier = 0) {
  AdaptiveOptions options;
  options.noise_multiplier = noise_multiplier;
  options.num_sampled_clients = 2;
  options.noise_seed = 1;
  return options;
}

inline MetricRecord Metrics(std::int64_t num_examples = 10) {
  return {{"num-examples", num_examples}};
}

inline MetricRecord WithBit(std::int64_t bit) {
  return {{"num-examples", std::int64_t{10}}, {"norm_bit", bit}};
}

inline std::shared_ptr<RdpAccountant> Accountant(std::optional<double> max_epsilon = std::nullopt) {
  PrivacyConfig config;
  config.target_delta = 1e-5;
  config.population_size = 20;
  config.max_epsilon = max_epsilon;
  return RdpAccountant::Create(config).value();
}

/// One round over two nodes, from the model (0, 0).
class DpFixture : public ::testing::Test {
 protected:
  DpFixture() {
    // The first update is 10 long, the second one 1.
    grid_.AddNode(1, testing::FixedNode({6, 8}, Metrics()));
    grid_.AddNode(2, testing::FixedNode({0, 1}, Metrics()));
  }

  StatusOr<AggregateResult> Round(Strategy& strategy, int server_round = 1) {
    auto messages = strategy.ConfigureTrain(server_round, global_, config_, grid_, {});
    if (!messages.ok()) return messages.status();
    const auto aggregator = strategy.AggregateTrain(server_round);
    const Status status = grid_.SendAndReceive(*std::move(messages), std::chrono::milliseconds(50),
                                               [&](Message reply) {
                                                 aggregator->Add(std::move(reply));
                                                 return absl::OkStatus();
                                               },
                                               {});
    if (!status.ok()) return status;
    return aggregator->Finish();
  }

  testing::FakeGrid grid_;
  ArrayRecord global_ = testing::Weights({0, 0});
  ConfigRecord config_;
};

}  // namespace flwrcpp
