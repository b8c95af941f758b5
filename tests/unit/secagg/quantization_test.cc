// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/quantization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/workflow/secagg.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/secagg/workflow_fixture.h"

namespace flwrcpp {
namespace {

using testing::FakeGrid;
using testing::FixedClient;
using testing::IsOk;
using testing::TestNode;
using testing::Threshold;
using testing::TrainOnly;
using testing::Weights;
using testing::WeightsOf;

/// A number that is rounded up or down has a standard deviation of at most half a step; that of
/// the mean of as many, 5.5 times: by chance one test in 25 million is beyond.
double Bound(std::size_t count) { return 5.5 * 0.5 / std::sqrt(static_cast<double>(count)); }

double MeanOf(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(SecAggQuantization, RoundsUpAndDownSoThatTheMeanIsTheValue) {
  internal::secagg::Settings settings;
  settings.clipping_range = 8;
  settings.target_range = 64;  // 4 steps a unit
  std::mt19937_64 random(7);
  const auto uniform = [&] { return std::uniform_real_distribution<double>(0, 1)(random); };
  constexpr std::size_t kCount = 20'000;
  for (const double value : {-7.9, -0.3, 0.025, 0.125, 1.7, 7.975}) {
    SCOPED_TRACE(value);
    const std::vector<double> values(kCount, value);
    std::vector<std::uint64_t> quantized(kCount);

    ASSERT_TRUE(
        internal::secagg::Quantize(std::span(values), 1, settings, uniform, std::span(quantized)));

    const double mean = std::accumulate(quantized.begin(), quantized.end(), 0.0) / kCount;
    EXPECT_NEAR(mean, (value + 8) * 4, Bound(kCount));
  }
}

// A weight is not drawn by lot: the server expects the sum of what Python's round() gives.
TEST(SecAggQuantization, RoundsWeightsToTheNearestAndHalvesToEven) {
  internal::secagg::Settings settings;
  settings.max_weight = 1000;
  settings.target_range = 1 << 22;
  EXPECT_EQ(QuantizeWeight(1, settings), 4194);   // of 4194.304
  EXPECT_EQ(QuantizeWeight(3, settings), 12583);  // of 12582.912
  EXPECT_EQ(QuantizeWeight(1000, settings), 1 << 22);
  settings.max_weight = 4;
  settings.target_range = 2;
  EXPECT_EQ(QuantizeWeight(1, settings), 0);  // of 0.5
  EXPECT_EQ(QuantizeWeight(3, settings), 2);  // of 1.5
}

// With the random numbers that nodes use, and steps so coarse that rounding is all there is.
TEST(SecAggQuantization, AWholeRoundHasNoBias) {
  constexpr std::size_t kCount = 20'000;
  SecAggPlusOptions options = Threshold(2);
  options.clipping_range = 8;
  options.quantization_range = 64;
  const double step = 0.25;
  for (const float value : {-0.3F, 0.05F, 1.2F}) {
    SCOPED_TRACE(value);
    FakeGrid grid;
    for (const std::uint64_t id : {1, 2, 3}) {
      // As many examples as there may be, so that the value is rounded and no part of it.
      auto client = std::make_shared<FixedClient>(Weights(std::vector<float>(kCount, value)), 1000);
      auto node = std::make_shared<TestNode>(id, std::move(client));
      grid.AddNode(id, [node](const Message& instruction) { return node->Answer(instruction); });
    }
    StartOptions start;
    start.initial_arrays = Weights(std::vector<float>(kCount));
    start.num_rounds = 1;

    const auto result =
        SecAggPlusWorkflow::Create(TrainOnly(), options).value()->Start(grid, std::move(start));

    ASSERT_THAT(result, IsOk());
    // The mean of three nodes over all elements.
    EXPECT_NEAR(MeanOf(WeightsOf(result->arrays)), value, step * Bound(3 * kCount));
  }
}

}  // namespace
}  // namespace flwrcpp
