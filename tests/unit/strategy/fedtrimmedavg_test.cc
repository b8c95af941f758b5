// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedtrimmedavg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using testing::StatusIs;
using testing::TrainReply;
using testing::TrainRound;
using testing::Weights;
using testing::WeightsOf;
using testing::WeightsReply;

/// What becomes of one element of these values.
float TrimmedMean(double beta, const std::vector<float>& values) {
  FedTrimmedAvgOptions options;
  options.beta = beta;
  const auto strategy = FedTrimmedAvg::Create(options).value();
  std::vector<TrainReply> replies;
  for (const float value : values) replies.push_back(WeightsReply(replies.size() + 1, {value}));
  return WeightsOf(*TrainRound(*strategy, Weights({0}), replies)->arrays)[0];
}

TEST(FedTrimmedAvgTest, LeavesOutTheExtremesOfEachElement) {
  const auto strategy = FedTrimmedAvg::Create({}).value();

  // A fifth of five replies: one at each end.
  const auto result =
      TrainRound(*strategy, Weights({0, 0}),
                 {WeightsReply(1, {1, 10}, {{"num-examples", std::int64_t{1000}}, {"loss", 1.0}}),
                  WeightsReply(2, {-100, 20}, {{"num-examples", std::int64_t{500}}, {"loss", 0.0}}),
                  WeightsReply(3, {3, 999}, {{"num-examples", std::int64_t{500}}, {"loss", 0.0}}),
                  WeightsReply(4, {5, 0}, {{"num-examples", std::int64_t{0}}, {"loss", 7.0}}),
                  WeightsReply(5, {200, 60}, {{"num-examples", std::int64_t{0}}, {"loss", 7.0}})});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3, 30));
  EXPECT_DOUBLE_EQ(result->metrics->GetDouble("loss").value(), 0.5);
}

TEST(FedTrimmedAvgTest, CutsOffWholeRepliesOnly) {
  EXPECT_EQ(TrimmedMean(0.2, {0, 1, 2, 9}), 3);              // 0.8 of a reply: none
  EXPECT_EQ(TrimmedMean(0.25, {0, 1, 2, 9}), 1.5);           // one
  EXPECT_EQ(TrimmedMean(0.3, {0, 1, 2, 3, 4, 100}), 2.5);    // 1.8: one
  EXPECT_EQ(TrimmedMean(0.49, {0, 1, 5, 6, 8, 100, 7}), 6);  // 3.43: three, the median stays
  EXPECT_EQ(TrimmedMean(0.49, {3, 5}), 4);
  EXPECT_EQ(TrimmedMean(0.2, {7}), 7);
}

TEST(FedTrimmedAvgTest, WithoutACutItIsThePlainMean) {
  EXPECT_EQ(TrimmedMean(0, {100, 1, 1, 2}), 26);
}

TEST(FedTrimmedAvgTest, InfinitiesAreCutOff) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(TrimmedMean(0.25, {kInfinity, 1, -kInfinity, 2}), 1.5);
}

TEST(FedTrimmedAvgTest, TheOrderOfArrivalHasNoInfluence) {
  std::vector<TrainReply> replies;
  for (const float value : {0.1F, 1e8F, -0.3F, 7e-5F, 3.3F, -1e8F, 0.7F}) {
    replies.push_back(WeightsReply(replies.size() + 1, {value}));
  }
  const auto strategy = FedTrimmedAvg::Create({}).value();
  const auto first = TrainRound(*strategy, Weights({0}), replies);
  std::reverse(replies.begin(), replies.end());

  const auto second = TrainRound(*strategy, Weights({0}), replies);

  EXPECT_EQ(WeightsOf(*first->arrays), WeightsOf(*second->arrays));
}

TEST(FedTrimmedAvgTest, RefusesABetaOutOfRange) {
  FedTrimmedAvgOptions options;
  for (const double beta : {-0.1, 0.5, std::numeric_limits<double>::quiet_NaN()}) {
    options.beta = beta;
    EXPECT_THAT(FedTrimmedAvg::Create(options),
                StatusIs(StatusCode::kInvalidArgument, "FedTrimmedAvg: beta is"));
  }
}

}  // namespace
}  // namespace flwrcpp
