// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedmedian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
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

MetricRecord Examples(std::int64_t number, double loss) {
  return {{"num-examples", number}, {"loss", loss}};
}

TEST(FedMedianTest, TakesTheMiddleOfEachElementWhateverTheExamples) {
  const auto strategy = FedMedian::Create({}).value();

  const auto result = TrainRound(
      *strategy, Weights({0, 0, 0}),
      {WeightsReply(1, {1, 9, 4}, Examples(1000, 1)), WeightsReply(2, {2, 7, -5}, Examples(1, 0)),
       WeightsReply(3, {30, 8, 0}, Examples(999, 0))});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 3);
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(2, 8, 0));
  EXPECT_DOUBLE_EQ(result->metrics->GetDouble("loss").value(), 0.5);
}

TEST(FedMedianTest, OfAnEvenNumberTakesTheMeanOfTheTwoInTheMiddle) {
  const auto strategy = FedMedian::Create({}).value();

  const auto result = TrainRound(*strategy, Weights({0, 0}),
                                 {WeightsReply(1, {1, 3e38F}), WeightsReply(2, {20, 3e38F}),
                                  WeightsReply(3, {4, 3e38F}), WeightsReply(4, {3, 3e38F})});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3.5, 3e38F));
}

TEST(FedMedianTest, OneReplyIsTheModel) {
  const auto strategy = FedMedian::Create({}).value();

  const auto result = TrainRound(*strategy, Weights({0}), {WeightsReply(1, {7})});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(7));
}

TEST(FedMedianTest, AFewInfinitiesMoveNothing) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto strategy = FedMedian::Create({}).value();

  const auto result = TrainRound(
      *strategy, Weights({0, 0}),
      {WeightsReply(1, {1, kInfinity}), WeightsReply(2, {-kInfinity, 5}), WeightsReply(3, {2, 6})});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1, 6));
}

TEST(FedMedianTest, IntegersBecomeFloat64AndFloat16Stays) {
  const auto model = [](std::int64_t tracked, std::uint8_t half_low, std::uint8_t half_high) {
    ArrayRecord arrays;
    arrays.Set("tracked", Array::From<std::int64_t>({tracked}, {}).value());
    arrays.Set("half", Array::Build("float16", {1}, [&](std::span<std::byte> out) {
                         out[0] = std::byte{half_low};
                         out[1] = std::byte{half_high};
                       }).value());
    return arrays;
  };
  const auto strategy = FedMedian::Create({}).value();

  // The halves are 1 and 2, their mean 1.5.
  const auto result = TrainRound(*strategy, model(0, 0, 0),
                                 {{1, model(10, 0x00, 0x3c)}, {2, model(13, 0x00, 0x40)}});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->arrays->Find("tracked")->ToVector<double>().value(), std::vector<double>{11.5});
  EXPECT_TRUE(result->arrays->Find("tracked")->shape().empty());
  EXPECT_EQ(result->arrays->Find("half")->dtype(), "float16");
  EXPECT_THAT(result->arrays->Find("half")->Contiguous().view().substr(128),
              std::string_view("\x00\x3e", 2));
}

TEST(FedMedianTest, LargeArraysAreThoseOfASortToTheLastBitInWhateverOrderRepliesArrive) {
  constexpr std::size_t kCount = 5000;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<TrainReply> replies;
  std::vector<std::vector<float>> columns(kCount);
  for (std::uint64_t node_id = 1; node_id <= 9; ++node_id) {
    std::vector<float> values(kCount);
    for (std::size_t i = 0; i < kCount; ++i) columns[i].push_back(values[i] = normal(random));
    replies.push_back(WeightsReply(node_id, values));
  }
  std::vector<float> expected;
  for (auto& column : columns) {
    std::sort(column.begin(), column.end());
    expected.push_back(column[4]);
  }
  const auto strategy = FedMedian::Create({}).value();
  const ArrayRecord global = Weights(std::vector<float>(kCount));

  for (int i = 0; i < 3; ++i) {
    const auto result = TrainRound(*strategy, global, replies);

    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(WeightsOf(*result->arrays), expected);
    std::shuffle(replies.begin(), replies.end(), random);
  }
}

TEST(FedMedianTest, RefusesTheOptionsThatFedAvgRefuses) {
  FedAvgOptions options;
  options.fraction_train = 2;

  EXPECT_THAT(FedMedian::Create(options),
              StatusIs(StatusCode::kInvalidArgument, "FedMedian: fraction_train"));
}

}  // namespace
}  // namespace flwrcpp
