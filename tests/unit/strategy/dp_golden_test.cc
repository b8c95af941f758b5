// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// tests/golden/privacy.json holds what stock Flower 1.42.0 makes of the same replies without noise;
// make_privacy.py beside it writes the file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/dp_adaptive_clipping.h"
#include "flwrcpp/strategy/dp_fixed_clipping.h"
#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/fake_grid.h"
#include "tests/support/golden_arrays.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::ExpectArraysNear;
using testing::FakeGrid;
using testing::IsOk;
using testing::Json;
using testing::ReadGoldenArrays;
using testing::ReadGoldenJson;
using testing::Reply;

/// NumPy rounds each step to float32, of numbers below 8.
constexpr double kTolerance = 2e-6;

std::unique_ptr<Strategy> Average(std::size_t num_nodes) {
  FedAvgOptions options;
  options.min_train_nodes = options.min_available_nodes = static_cast<int>(num_nodes);
  options.fraction_evaluate = 0;
  options.min_evaluate_nodes = 0;
  return FedAvg::Create(options).value();
}

/// One round with replies of nodes 0, 1, …
AggregateResult RunRound(Strategy& strategy, int server_round, const ArrayRecord& global,
                         const std::vector<std::pair<ArrayRecord, MetricRecord>>& replies) {
  FakeGrid grid;
  for (std::size_t i = 0; i < replies.size(); ++i) grid.AddNode(100 + i, nullptr);
  const auto messages = strategy.ConfigureTrain(server_round, global, {}, grid, {});
  EXPECT_THAT(messages, IsOk());
  EXPECT_EQ(messages->size(), replies.size());
  const auto aggregator = strategy.AggregateTrain(server_round);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    aggregator->Add(Reply((*messages)[i], replies[i].first, replies[i].second));
  }
  const StatusOr<AggregateResult> result = aggregator->Finish();
  EXPECT_THAT(result, IsOk());
  return result.value();
}

DifferentialPrivacyAdaptiveClippingOptions AdaptiveOptions(const Json& json,
                                                           std::size_t num_nodes) {
  DifferentialPrivacyAdaptiveClippingOptions options;
  options.noise_multiplier = 0;
  options.num_sampled_clients = static_cast<int>(num_nodes);
  options.initial_clipping_norm =
      json.value("initial_clipping_norm", options.initial_clipping_norm);
  options.target_clipped_quantile =
      json.value("target_clipped_quantile", options.target_clipped_quantile);
  options.clip_norm_lr = json.value("clip_norm_lr", options.clip_norm_lr);
  return options;
}

TEST(DifferentialPrivacyGolden, AggregatesClippedUpdatesAsStockFlowerDoes) {
  const Json golden = ReadGoldenJson("privacy.json");
  for (const Json& entry : golden["clipping"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    std::vector<std::pair<ArrayRecord, MetricRecord>> replies;
    for (const Json& reply : entry["replies"]) {
      replies.emplace_back(ReadGoldenArrays(reply["arrays"]),
                           MetricRecord{{"num-examples", reply["weight"].get<std::int64_t>()}});
    }
    DifferentialPrivacyFixedClippingOptions options;
    options.noise_multiplier = 0;
    options.clipping_norm = entry["clipping_norm"].get<double>();
    options.num_sampled_clients = static_cast<int>(replies.size());
    const auto strategy =
        DifferentialPrivacyServerSideFixedClipping::Create(Average(replies.size()), options);
    ASSERT_THAT(strategy, IsOk());

    const AggregateResult result =
        RunRound(**strategy, 1, ReadGoldenArrays(entry["global"]), replies);

    EXPECT_THAT(result.failures, ::testing::IsEmpty());
    ExpectArraysNear(result.arrays.value(), ReadGoldenArrays(entry["aggregate"]), kTolerance);
  }
}

TEST(DifferentialPrivacyGolden, TheNormAdaptsAsInStockFlowerWhenTheServerClips) {
  const Json golden = ReadGoldenJson("privacy.json");
  ASSERT_EQ(golden["adaptive_server"].size(), 2);
  for (const Json& entry : golden["adaptive_server"]) {
    const std::size_t num_nodes = entry["rounds"][0]["updates"].size();
    const auto strategy = DifferentialPrivacyServerSideAdaptiveClipping::Create(
        Average(num_nodes), AdaptiveOptions(entry["options"], num_nodes));
    ASSERT_THAT(strategy, IsOk());
    ArrayRecord global = ReadGoldenArrays(entry["global"]);
    int server_round = 0;
    for (const Json& round : entry["rounds"]) {
      SCOPED_TRACE(++server_round);
      std::vector<std::pair<ArrayRecord, MetricRecord>> replies;
      for (const Json& update : round["updates"]) {
        replies.emplace_back(ReadGoldenArrays(update),
                             MetricRecord{{"num-examples", std::int64_t{10}}});
      }

      const AggregateResult result = RunRound(**strategy, server_round, global, replies);

      const double norm = round["clipping_norm"].get<double>();
      EXPECT_NEAR((*strategy)->clipping_norm(), norm, 1e-12 * norm);
      ExpectArraysNear(result.arrays.value(), ReadGoldenArrays(round["aggregate"]), kTolerance);
      global = ReadGoldenArrays(round["aggregate"]);  // the same for both, rounding included
    }
  }
}

TEST(DifferentialPrivacyGolden, TheNormAdaptsAsInStockFlowerWhenTheNodesClip) {
  const Json golden = ReadGoldenJson("privacy.json");
  ASSERT_EQ(golden["adaptive_client"].size(), 2);
  for (const Json& entry : golden["adaptive_client"]) {
    const std::size_t num_nodes = entry["norm_bits"][0].size();
    const auto strategy = DifferentialPrivacyClientSideAdaptiveClipping::Create(
        Average(num_nodes), AdaptiveOptions(entry["options"], num_nodes));
    ASSERT_THAT(strategy, IsOk());
    for (std::size_t round = 0; round < entry["norm_bits"].size(); ++round) {
      std::vector<std::pair<ArrayRecord, MetricRecord>> replies;
      for (const Json& bit : entry["norm_bits"][round]) {
        replies.emplace_back(
            testing::Weights({1}),
            MetricRecord{{"num-examples", std::int64_t{1}}, {"norm_bit", bit.get<std::int64_t>()}});
      }

      RunRound(**strategy, static_cast<int>(round) + 1, testing::Weights({1}), replies);

      const double norm = entry["clipping_norms"][round].get<double>();
      EXPECT_NEAR((*strategy)->clipping_norm(), norm, 1e-12 * norm) << round;
    }
  }
}

/// The number that follows `name` in what a strategy says of itself.
double SettingOf(const Strategy& strategy, const std::string& name) {
  for (const std::string& line : strategy.Summary()) {
    const std::size_t found = line.find(name + " ");
    if (found != std::string::npos) return std::stod(line.substr(found + name.size() + 1));
  }
  ADD_FAILURE() << name << " is missing";
  return 0;
}

TEST(DifferentialPrivacyGolden, SplitsTheNoiseBetweenArraysAndCountAsStockFlowerDoes) {
  const Json golden = ReadGoldenJson("privacy.json");
  ASSERT_GE(golden["noise_multipliers"].size(), 5);
  for (const Json& entry : golden["noise_multipliers"]) {
    SCOPED_TRACE(entry.dump());
    DifferentialPrivacyAdaptiveClippingOptions options;
    options.noise_multiplier = entry["noise_multiplier"].get<double>();
    options.num_sampled_clients = entry["num_sampled_clients"].get<int>();
    if (!entry["clipped_count_stddev"].is_null()) {
      options.clipped_count_stddev = entry["clipped_count_stddev"].get<double>();
    }

    const auto strategy =
        DifferentialPrivacyServerSideAdaptiveClipping::Create(Average(2), options);

    ASSERT_THAT(strategy, IsOk());
    const double expected = entry["arrays_noise_multiplier"].get<double>();
    EXPECT_NEAR(SettingOf(**strategy, "noise_multiplier"), expected, 1e-12 * expected);
    EXPECT_EQ(SettingOf(**strategy, "clipped_count_stddev"), entry["count_stddev"].get<double>());
  }
}

}  // namespace
}  // namespace flwrcpp
