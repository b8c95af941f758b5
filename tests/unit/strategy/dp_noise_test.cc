// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// The noise of differential privacy: how large it is, and of what.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/dp_fixture.h"

namespace flwrcpp {
namespace {

using testing::FakeGrid;
using testing::FixedNode;
using testing::IsOk;
using testing::Reply;
using testing::Weights;
using testing::WeightsOf;

/// The noise of a round in which nobody changes anything, and its standard deviation: the mean has
/// a bias of 0, and its error is far below the bound.
double NoiseOf(Strategy& strategy, std::vector<float>* noise = nullptr) {
  constexpr std::size_t kCount = 50'000;
  FakeGrid grid;
  const std::vector<float> zeros(kCount);
  for (const std::uint64_t node : {1U, 2U}) grid.AddNode(node, FixedNode(zeros, WithBit(0)));
  auto messages = strategy.ConfigureTrain(1, Weights(zeros), {}, grid, {}).value();
  const auto aggregator = strategy.AggregateTrain(1);
  for (const Message& message : messages) {
    aggregator->Add(Reply(message, Weights(zeros), WithBit(0)));
  }
  const std::vector<float> values = WeightsOf(*aggregator->Finish().value().arrays);
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  if (noise != nullptr) *noise = values;
  return std::sqrt(sum / kCount);
}

/// 5.5 standard deviations of the standard deviation of 50,000 numbers, relative.
constexpr double kNoiseTolerance = 5.5 * 0.0031623;

TEST(DpNoise, IsMultiplierTimesNormByNumberOfClients) {
  for (const auto& [multiplier, norm] : {std::pair(1.0, 5.0), std::pair(0.5, 0.25)}) {
    const double expected = multiplier * norm / 2;
    const FixedOptions options = Fixed(multiplier, norm);
    EXPECT_NEAR(NoiseOf(*ServerFixed::Create(Average(), options).value()), expected,
                expected * kNoiseTolerance);
    EXPECT_NEAR(NoiseOf(*ClientFixed::Create(Average(), options).value()), expected,
                expected * kNoiseTolerance);
  }
}

TEST(DpNoise, IsThatOfTheNormWhichTheUpdatesWereClippedTo) {
  AdaptiveOptions options = Adaptive(1);
  options.clipped_count_stddev = 0.75;
  options.initial_clipping_norm = 0.1;
  options.clip_norm_lr = 3;  // so that the next norm is far away
  const double expected = 1 / std::sqrt(1 - 1 / 2.25) * 0.1 / 2;
  const auto server = ServerAdaptive::Create(Average(), options).value();
  const auto client = ClientAdaptive::Create(Average(), options).value();

  EXPECT_NEAR(NoiseOf(*server), expected, expected * kNoiseTolerance);
  EXPECT_NEAR(NoiseOf(*client), expected, expected * kNoiseTolerance);

  EXPECT_GT(std::abs(std::log(server->clipping_norm() / 0.1)), 0.5);
}

TEST(DpNoise, IsNeverTheSameWithoutASeed) {
  FixedOptions options = Fixed(1);
  options.noise_seed.reset();
  std::vector<float> one;
  std::vector<float> two;
  NoiseOf(*ServerFixed::Create(Average(), options).value(), &one);
  NoiseOf(*ServerFixed::Create(Average(), options).value(), &two);

  EXPECT_NE(one, two);
}

TEST(DpNoise, OfTheCountHasItsStandardDeviation) {
  AdaptiveOptions options = Adaptive(0);
  options.clipped_count_stddev = 3;
  options.clip_norm_lr = 1;
  options.target_clipped_quantile = 0;
  FakeGrid grid;
  for (const std::uint64_t node : {1U, 2U}) grid.AddNode(node, nullptr);
  const auto strategy = ClientAdaptive::Create(Average(), options).value();
  constexpr int kRounds = 4000;
  double sum = 0;
  double squares = 0;
  for (int round = 1; round <= kRounds; ++round) {
    const double before = strategy->clipping_norm();
    const auto messages = strategy->ConfigureTrain(round, Weights({0}), {}, grid, {}).value();
    const auto aggregator = strategy->AggregateTrain(round);
    aggregator->Add(Reply(messages[0], Weights({0}), WithBit(1)));
    aggregator->Add(Reply(messages[1], Weights({0}), WithBit(0)));
    ASSERT_THAT(aggregator->Finish(), IsOk());
    // log C' − log C = −(1 + noise) / 2
    const double noise = -2 * std::log(strategy->clipping_norm() / before) - 1;
    sum += noise;
    squares += noise * noise;
    // The norm is a random walk; a new strategy would begin with the same numbers.
    ASSERT_THAT(strategy->RestoreState({}), IsOk());
  }
  EXPECT_NEAR(sum / kRounds, 0, 5.5 * 3 / std::sqrt(kRounds));
  EXPECT_NEAR(squares / kRounds, 9, 5.5 * 9 * std::sqrt(2.0 / kRounds));
}

}  // namespace
}  // namespace flwrcpp
