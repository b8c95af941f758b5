// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using testing::StatusIs;

TEST(WeightedMeanTest, WeighsNumbersAndListsAndDropsTheWeight) {
  const std::vector<WeightedMetrics> replies = {{1,
                                                 100,
                                                 {{"num-examples", std::int64_t{100}},
                                                  {"loss", 0.5},
                                                  {"hits", std::int64_t{10}},
                                                  {"by-class", std::vector<double>{1.0, 0.0}}}},
                                                {2,
                                                 300,
                                                 {{"by-class", std::vector<std::uint64_t>{0, 2}},
                                                  {"hits", std::uint64_t{50}},
                                                  {"loss", 0.1},
                                                  {"num-examples", std::int64_t{300}}}}};

  const StatusOr<MetricRecord> mean = WeightedMean(replies, "num-examples");

  ASSERT_THAT(mean, IsOk());
  ASSERT_EQ(mean->size(), 3);
  EXPECT_EQ(mean->item(0).first, "loss");
  EXPECT_DOUBLE_EQ(mean->GetDouble("loss").value(), 0.2);
  EXPECT_DOUBLE_EQ(mean->GetDouble("hits").value(), 40.0);
  EXPECT_TRUE(std::holds_alternative<double>(*mean->Find("hits")));
  EXPECT_THAT(std::get<std::vector<double>>(*mean->Find("by-class")), ElementsAre(0.25, 1.5));
}

TEST(WeightedMeanTest, RefusesWeightsWithoutASum) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

  EXPECT_THAT(WeightedMean({}, "n"), StatusIs(StatusCode::kInvalidArgument, "sum up to 0"));
  EXPECT_THAT(WeightedMean({{1, 0, {}}, {2, 0, {}}}, "n"),
              StatusIs(StatusCode::kInvalidArgument, "sum up to 0"));
  EXPECT_THAT(WeightedMean({{1, 1, {}}, {2, -1, {}}}, "n"),
              StatusIs(StatusCode::kInvalidArgument, "node 2"));
  EXPECT_THAT(WeightedMean({{1, kNaN, {}}}, "n"), StatusIs(StatusCode::kInvalidArgument, "node 1"));
}

TEST(WeightedMeanTest, NamesNodeAndMetricThatDoNotFit) {
  const WeightedMetrics first{1, 1, {{"loss", 0.5}}};

  EXPECT_THAT(WeightedMean({first, {2, 1, {}}}, "n"),
              StatusIs(StatusCode::kInvalidArgument, "node 2: metric 'loss' is missing"));
  EXPECT_THAT(WeightedMean({first, {2, 1, {{"loss", std::vector<double>{1.0}}}}}, "n"),
              StatusIs(StatusCode::kInvalidArgument, "node 2: metric 'loss' has another form"));
}

}  // namespace
}  // namespace flwrcpp
