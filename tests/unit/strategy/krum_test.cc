// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/krum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "arrays/float16.h"
#include "strategy/krum_selection.h"
#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using testing::IsOk;
using testing::NormalReplies;
using testing::NumberedReplies;
using testing::StatusIs;
using testing::TrainReply;
using testing::TrainRound;
using testing::Weights;
using testing::WeightsOf;
using testing::WeightsReply;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::unique_ptr<MultiKrum> MakeMultiKrum(int num_malicious_nodes, int num_nodes_to_select) {
  MultiKrumOptions options;
  options.num_malicious_nodes = num_malicious_nodes;
  options.num_nodes_to_select = num_nodes_to_select;
  return MultiKrum::Create(options).value();
}

std::unique_ptr<Krum> MakeKrum(int num_malicious_nodes) {
  KrumOptions options;
  options.num_malicious_nodes = num_malicious_nodes;
  return Krum::Create(options).value();
}

// The values 0, 1, 3, 10 of nodes 1 to 4 have with f = 0 the scores 1 + 9, 1 + 4, 4 + 9 and 49 + 81
// (the two nearest others), with f = 1 the scores 1, 1, 4 and 49 (the nearest one).

TEST(KrumTest, TakesTheReplyWithTheLowestScoreAndItsMetrics) {
  const auto result = TrainRound(*MakeKrum(0), Weights({0}), NumberedReplies({0, 1, 3, 10}));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 4);
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1));
  EXPECT_EQ(result->metrics->GetDouble("loss").value(), 2);
}

TEST(KrumTest, OfEqualScoresTheLowerNodeIdIsTaken) {
  std::vector<TrainReply> replies = NumberedReplies({0, 1, 3, 10});
  for (int i = 0; i < 2; ++i) {
    const auto result = TrainRound(*MakeKrum(1), Weights({0}), replies);

    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(0));
    std::reverse(replies.begin(), replies.end());
  }
}

TEST(MultiKrumTest, AveragesTheSelectedRepliesByTheirExamples) {
  const auto result =
      TrainRound(*MakeMultiKrum(0, 3), Weights({0}), NumberedReplies({0, 1, 3, 10}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(FloatEq((0 * 1 + 1 * 2 + 3 * 3) / 6.0F)));
  EXPECT_DOUBLE_EQ(result->metrics->GetDouble("loss").value(), (1 * 1 + 2 * 2 + 3 * 3) / 6.0);
}

TEST(MultiKrumTest, AllRepliesAreSelectedWhereThereAreFewer) {
  const auto result = TrainRound(*MakeMultiKrum(2, 9), Weights({0}), NumberedReplies({0, 3}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(2));
}

TEST(MultiKrumTest, OneReplyIsTheModel) {
  const auto result = TrainRound(*MakeMultiKrum(1, 1), Weights({0}), NumberedReplies({5}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(5));
}

TEST(MultiKrumTest, DistancesGoOverAllArraysAndBlocks) {
  // Only the last element of the second array of node 2 is far off.
  const auto model = [](std::size_t count, float first, float last) {
    ArrayRecord arrays = Weights({first});
    std::vector<float> values(count);
    values.back() = last;
    arrays.Set("v", Array::From(values, {static_cast<std::int64_t>(count)}).value());
    return arrays;
  };

  const auto result =
      TrainRound(*MakeMultiKrum(0, 2), model(3000, 0, 0),
                 {{1, model(3000, 1, 0)}, {2, model(3000, 0, 90)}, {3, model(3000, 3, 0)}});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(2));
  EXPECT_EQ(result->arrays->Find("v")->ToVector<float>().value().back(), 0);
}

TEST(MultiKrumTest, InfinitiesLoseAndEqualOnesAreNoDistance) {
  const auto result =
      TrainRound(*MakeMultiKrum(1, 3), Weights({0, 0}),
                 {WeightsReply(1, {kInfinity, -kInfinity}), WeightsReply(2, {1, -kInfinity}),
                  WeightsReply(3, {2, -kInfinity}), WeightsReply(4, {3, -kInfinity})});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(2, -kInfinity));
}

TEST(MultiKrumTest, SelectedRepliesWithoutExamplesLeaveTheModel) {
  std::vector<TrainReply> replies = NumberedReplies({0, 1, 3, 10});
  replies[1].metrics = {{"num-examples", std::int64_t{0}}, {"loss", 1.0}};

  const auto result = TrainRound(*MakeMultiKrum(0, 1), Weights({0}), replies);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_FALSE(result->metrics.has_value());
}

TEST(MultiKrumTest, RepliesWithNaNAreFailuresAndNoneOfTheNeighbours) {
  std::vector<TrainReply> replies = NumberedReplies({0, 1, 3, 10});
  replies[0].arrays = Weights({std::numeric_limits<float>::quiet_NaN()});

  const auto result = TrainRound(*MakeMultiKrum(0, 1), Weights({0}), replies);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->failures.size(), 1);
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1));  // of 1, 3, 10 with q = 1
}

TEST(MultiKrumTest, TheOrderOfArrivalHasNoInfluence) {
  std::mt19937 random(11);
  std::vector<TrainReply> replies = NormalReplies(9, 2000, random);
  for (TrainReply& reply : replies) {
    reply.metrics = {{"num-examples", 0.1 * static_cast<double>(reply.node_id)}, {"loss", 0.1}};
  }
  const ArrayRecord global = Weights(std::vector<float>(2000));
  const auto first = TrainRound(*MakeMultiKrum(2, 5), global, replies);

  for (int i = 0; i < 3; ++i) {
    std::shuffle(replies.begin(), replies.end(), random);
    const auto again = TrainRound(*MakeMultiKrum(2, 5), global, replies);
    EXPECT_EQ(*again->arrays, *first->arrays);
    EXPECT_EQ(*again->metrics, *first->metrics);
  }
}

TEST(KrumSelectionTest, DistancesOfNearModelsFarFromZeroAreExact) {
  const std::vector<ArrayRecord> models = {Weights({10000, 10000}), Weights({10000, 10000.001F}),
                                           Weights({9999, 10000})};

  const auto distances =
      internal::SquaredDistances(internal::ArrayLayout::OfGlobalModel(models[0]).value(), models);

  ASSERT_THAT(distances, IsOk());
  // The next float32 above 10000 is 1/1024 away.
  EXPECT_THAT((*distances)[0], ElementsAre(0, DoubleEq(1.0 / 1024 / 1024), 1));
  EXPECT_THAT((*distances)[1],
              ElementsAre(DoubleEq(1.0 / 1024 / 1024), 0, DoubleEq(1 + 1.0 / 1024 / 1024)));
}

/// `count` times the same float16.
ArrayRecord Halves(std::size_t count, float value) {
  const std::vector<internal::Float16> halves(count, internal::ToFloat16(value));
  ArrayRecord arrays;
  arrays.Set(
      "w",
      Array::Build("float16", {static_cast<std::int64_t>(count)}, [&](std::span<std::byte> out) {
        std::memcpy(out.data(), halves.data(), out.size());
      }).value());
  return arrays;
}

TEST(KrumTest, ModelsOfFloat16MayBeLongerThanFloat16CanTellAndNearToEachOther) {
  constexpr std::size_t kCount =
      17 * 4096;  // ones: a squared length above 65504, float16's largest
  const auto near_one = [](float steps) { return Halves(kCount, 1 + steps / 1024); };
  std::vector<TrainReply> replies;
  for (const float steps : {0.0F, 1.0F, 3.0F, 10.0F}) {
    replies.push_back({replies.size() + 1, near_one(steps)});
  }

  const auto result = TrainRound(*MakeKrum(0), near_one(0), replies);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(*result->arrays, near_one(1));
}

TEST(KrumTest, RefusesNumbersOutOfRange) {
  MultiKrumOptions options;
  options.num_nodes_to_select = 0;
  EXPECT_THAT(MultiKrum::Create(options),
              StatusIs(StatusCode::kInvalidArgument, "MultiKrum: num_nodes_to_select is 0"));
  options = {};
  options.num_malicious_nodes = -1;
  EXPECT_THAT(MultiKrum::Create(options),
              StatusIs(StatusCode::kInvalidArgument, "MultiKrum: num_malicious_nodes is -1"));
  KrumOptions krum;
  krum.num_malicious_nodes = -1;
  EXPECT_THAT(Krum::Create(krum),
              StatusIs(StatusCode::kInvalidArgument, "Krum: num_malicious_nodes is -1"));
}

}  // namespace
}  // namespace flwrcpp
