// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/workflow/secagg.h"
#include "server/secagg/neighbours.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using internal::secagg::DrawNeighbours;
using internal::secagg::NodeIds;
using internal::secagg::SettingsFor;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

SecAggPlusOptions Valid() {
  SecAggPlusOptions options;
  options.reconstruction_threshold = 2;
  return options;
}

std::unique_ptr<Strategy> AnyStrategy() { return FedAvg::Create({}).value(); }

Status Check(const SecAggPlusOptions& options) {
  return SecAggPlusWorkflow::Create(AnyStrategy(), options).status();
}

TEST(SecAggPlusOptions, DefaultsAreFlowers) {
  const SecAggPlusOptions options;
  EXPECT_EQ(options.max_weight, 1000);
  EXPECT_EQ(options.clipping_range, 8);
  EXPECT_EQ(options.quantization_range, 4194304);
  EXPECT_EQ(options.modulus_range, 4294967296);
  EXPECT_FALSE(options.timeout.has_value());
  EXPECT_THAT(Check(Valid()), IsOk());
}

TEST(SecAggPlusOptions, TheThresholdHasToBeSet) {
  EXPECT_THAT(Check({}), StatusIs(StatusCode::kInvalidArgument, "reconstruction_threshold is 0"));
}

TEST(SecAggPlusOptions, WhatIsOutOfRangeIsNamed) {
  const auto expect = [](auto change, const char* text) {
    SecAggPlusOptions options = Valid();
    change(options);
    EXPECT_THAT(Check(options), StatusIs(StatusCode::kInvalidArgument, text));
  };
  expect([](auto& o) { o.num_shares = 2; }, "num_shares is 2");
  expect([](auto& o) { o.num_shares = -1; }, "num_shares is -1");
  expect([](auto& o) { o.num_shares = 0.0; }, "num_shares is 0");
  expect([](auto& o) { o.num_shares = 1.5; }, "num_shares is 1.5");
  expect([](auto& o) { o.reconstruction_threshold = 0.0; }, "reconstruction_threshold is 0");
  expect([](auto& o) { o.reconstruction_threshold = 1.1; }, "reconstruction_threshold is 1.1");
  expect([](auto& o) { o.reconstruction_threshold = -2; }, "reconstruction_threshold is -2");
  expect(
      [](auto& o) {
        o.num_shares = 5;
        o.reconstruction_threshold = 5;
      },
      "less than num_shares, 5");
  expect([](auto& o) { o.max_weight = 0; }, "max_weight is 0");
  expect([](auto& o) { o.max_weight = std::numeric_limits<double>::quiet_NaN(); }, "max_weight");
  expect([](auto& o) { o.clipping_range = -1; }, "clipping_range is -1");
  expect([](auto& o) { o.quantization_range = 0; }, "quantization_range) is 0");
  expect([](auto& o) { o.quantization_range = std::int64_t{1} << 31; }, "quantization_range");
  expect([](auto& o) { o.modulus_range = 4194304; }, "modulus_range) is 4194304");
  expect([](auto& o) { o.modulus_range = 4294967295; }, "power of 2");
  expect([](auto& o) { o.modulus_range = std::numeric_limits<std::int64_t>::min(); }, "power of 2");
  expect([](auto& o) { o.timeout = std::chrono::seconds(0); }, "timeout is 0");
}

TEST(SecAggPlusOptions, SecAggTakesNoNumberOfShares) {
  EXPECT_THAT(MakeSecAggWorkflow(AnyStrategy(), Valid()), IsOk());
  SecAggPlusOptions options = Valid();
  options.num_shares = 5;
  EXPECT_THAT(MakeSecAggWorkflow(AnyStrategy(), options), StatusIs(StatusCode::kInvalidArgument));
}

TEST(SecAggPlusSettings, SharesAndThresholdAreWhatFlowerMakesOfThem) {
  struct Case {
    std::variant<int, double> num_shares;
    std::variant<int, double> threshold;
    std::size_t nodes;
    std::int64_t shares;
    std::int64_t expected_threshold;
  };
  for (const Case& each : std::vector<Case>{
           {1.0, 2, 10, 10, 2},
           {1, 1, 10, 10, 10},     // the int 1 is the fraction
           {0.5, 0.5, 10, 5, 2},   // 2.5 becomes 2: halves go to even
           {0.4, 0.6, 10, 5, 3},   // 4 becomes odd
           {0.1, 0.5, 10, 10, 5},  // too few become all
           {0.25, 0.1, 10, 3, 2},
           {4, 2, 10, 5, 2},        // an even number becomes odd
           {4, 2, 4, 4, 2},         // unless it is that of the nodes
           {5, 3, 3, 5, 3},         // more shares than nodes
           {1.0, 0.01, 50, 50, 2},  // never below 2
       }) {
    SecAggPlusOptions options;
    options.num_shares = each.num_shares;
    options.reconstruction_threshold = each.threshold;
    const auto settings = SettingsFor(options, each.nodes);
    ASSERT_THAT(settings, IsOk());
    EXPECT_EQ(settings->sample_num, static_cast<std::int64_t>(each.nodes));
    EXPECT_EQ(settings->share_num, each.shares);
    EXPECT_EQ(settings->threshold, each.expected_threshold);
  }
}

TEST(SecAggPlusSettings, ARoundHasToFitTheModulus) {
  EXPECT_THAT(SettingsFor(Valid(), 1024), IsOk());
  EXPECT_THAT(SettingsFor(Valid(), 1025), StatusIs(StatusCode::kInvalidArgument, "modulus_range"));
  EXPECT_THAT(SettingsFor(Valid(), 1), StatusIs(StatusCode::kInvalidArgument, "sample_num is 1"));
}

TEST(DrawNeighbours, AreMutualAndAsManyAsShares) {
  std::vector<std::uint64_t> ids;
  for (std::uint64_t id = 100; id < 120; ++id) ids.push_back(id);
  const auto neighbours = DrawNeighbours(ids, 7);
  EXPECT_THAT(neighbours, SizeIs(20));
  for (const auto& [id, own] : neighbours) {
    EXPECT_THAT(own, SizeIs(7));
    EXPECT_TRUE(own.contains(id));
    for (const std::uint64_t other : own) EXPECT_TRUE(neighbours.at(other).contains(id));
  }
  EXPECT_NE(neighbours, DrawNeighbours(ids, 7));  // equal once in 10^17
}

TEST(DrawNeighbours, AreAllWhereThereAreSharesForAll) {
  for (const std::int64_t shares : {4, 5, 100}) {
    for (const auto& [id, own] : DrawNeighbours({1, 2, 3, 4}, shares)) {
      EXPECT_EQ(own, (NodeIds{1, 2, 3, 4}));
    }
  }
  for (const auto& [id, own] : DrawNeighbours({1, 2}, 2)) EXPECT_EQ(own, (NodeIds{1, 2}));
}

}  // namespace
}  // namespace flwrcpp
