// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/bulyan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/log_warnings.h"
#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LogWarnings;
using testing::NormalReplies;
using testing::NumberedReplies;
using testing::StatusIs;
using testing::TrainReply;
using testing::TrainRound;
using testing::Weights;
using testing::WeightsOf;

std::unique_ptr<Bulyan> MakeBulyan(int num_malicious_nodes, SelectionRule rule = nullptr) {
  BulyanOptions options;
  options.num_malicious_nodes = num_malicious_nodes;
  options.selection_rule = std::move(rule);
  return Bulyan::Create(options).value();
}

/// Of nodes 1, 2, …, with 1 example each.
std::vector<TrainReply> Replies(const std::vector<float>& values) {
  return NumberedReplies(values, 1);
}

// f = 1 of seven replies: five are chosen, here the first five, and three of their values count.

TEST(BulyanTest, AveragesWhatIsNearestToTheMedianOfTheChosen) {
  // Their median is 2; 3.5 is nearer to it than 0.
  const auto result =
      TrainRound(*MakeBulyan(1), Weights({0}), Replies({9, 3.5, 1, 2, 0, 100, -100}));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 7);
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(FloatEq((1 + 2 + 3.5F) / 3)));
  EXPECT_DOUBLE_EQ(result->metrics->GetDouble("loss").value(), 3);
}

TEST(BulyanTest, OfTwoAsNearTheSmallerOneCounts) {
  const auto result = TrainRound(*MakeBulyan(1), Weights({0}), Replies({9, 4, 1, 2, 0, 100, -100}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1));
}

TEST(BulyanTest, OfAnEvenNumberTheMedianIsTheMeanOfTheTwoInTheMiddle) {
  // Six of eight are chosen, 0, 1, 2, 4, 5 and 9: the median is 3, and 0 is left out with 9.
  const auto result =
      TrainRound(*MakeBulyan(1), Weights({0}), Replies({9, 4, 1, 2, 0, 5, 100, -100}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3));
}

TEST(BulyanTest, WithoutMaliciousNodesItIsThePlainMean) {
  const auto result = TrainRound(*MakeBulyan(0), Weights({0}), Replies({1, 2, 6}));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3));
}

TEST(BulyanTest, TooFewRepliesLeaveTheModelWithAWarning) {
  const LogWarnings warnings;
  std::vector<TrainReply> replies = Replies({0, 1, 2, 4, 9, 100, -100});
  replies[3].arrays = Weights({std::numeric_limits<float>::quiet_NaN()});

  const auto result = TrainRound(*MakeBulyan(1), Weights({0}), replies);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_FALSE(result->metrics.has_value());
  EXPECT_EQ(result->num_results, 6);
  EXPECT_THAT(warnings.lines(), Contains(HasSubstr("6 usable replies, expected at least 7")));
}

TEST(BulyanTest, ChosenRepliesWithoutExamplesLeaveTheModel) {
  std::vector<TrainReply> replies = Replies({0, 1, 2, 4, 9, 100, -100});
  for (int i = 0; i < 5; ++i) {
    replies[i].metrics = {{"num-examples", std::int64_t{0}}, {"loss", 1.0}};
  }

  const auto result = TrainRound(*MakeBulyan(1), Weights({0}), replies);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
}

TEST(BulyanTest, OwnRuleChooses) {
  std::vector<std::uint64_t> node_ids;
  int malicious = 0;
  const auto rule = [&](const std::vector<SelectionCandidate>& candidates, int num_malicious_nodes,
                        std::size_t num_nodes_to_select) {
    for (const SelectionCandidate& candidate : candidates) node_ids.push_back(candidate.node_id);
    EXPECT_EQ(WeightsOf(candidates[5].arrays)[0], 5);
    EXPECT_EQ(candidates[5].weight, 1);
    EXPECT_EQ(num_nodes_to_select, 5);
    malicious = num_malicious_nodes;
    return std::vector<std::size_t>{6, 5, 4, 3, 2};
  };
  std::vector<TrainReply> replies = Replies({0, 1, 2, 3, 4, 5, 6});
  std::reverse(replies.begin(), replies.end());

  const auto result = TrainRound(*MakeBulyan(1, rule), Weights({0}), replies);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(4));
  EXPECT_DOUBLE_EQ(result->metrics->GetDouble("loss").value(), 5);
  EXPECT_THAT(node_ids, ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(malicious, 1);
}

TEST(BulyanTest, ARuleThatDoesNotChooseEndsTheRun) {
  const auto ask = [](std::vector<std::size_t> positions) {
    const auto rule = [positions](const std::vector<SelectionCandidate>&, int, std::size_t) {
      return positions;
    };
    return TrainRound(*MakeBulyan(0, rule), Weights({0}), Replies({1, 2, 3})).status();
  };

  EXPECT_THAT(ask({}), StatusIs(StatusCode::kInternal, "selection_rule gave []"));
  EXPECT_THAT(ask({0, 1}), StatusIs(StatusCode::kInternal, "expected 3 different positions"));
  EXPECT_THAT(ask({0, 1, 1}), StatusIs(StatusCode::kInternal, "selection_rule gave [0, 1, 1]"));
  EXPECT_THAT(ask({0, 1, 3}), StatusIs(StatusCode::kInternal, "below 3"));
  EXPECT_THAT(ask({2, 1, 0}), IsOk());
  const auto throwing = [](const std::vector<SelectionCandidate>&, int,
                           std::size_t) -> StatusOr<std::vector<std::size_t>> {
    throw std::runtime_error("no idea");
  };
  EXPECT_THAT(TrainRound(*MakeBulyan(0, throwing), Weights({0}), Replies({1, 2, 3})),
              StatusIs(StatusCode::kInternal, "selection_rule threw: no idea"));
}

TEST(BulyanTest, TheOrderOfArrivalHasNoInfluence) {
  std::mt19937 random(5);
  std::vector<TrainReply> replies = NormalReplies(12, 1500, random);
  const ArrayRecord global = Weights(std::vector<float>(1500));
  const auto first = TrainRound(*MakeBulyan(2), global, replies);
  std::shuffle(replies.begin(), replies.end(), random);

  const auto again = TrainRound(*MakeBulyan(2), global, replies);

  EXPECT_EQ(*again->arrays, *first->arrays);
  EXPECT_EQ(*again->metrics, *first->metrics);
}

TEST(BulyanTest, RefusesANegativeNumber) {
  BulyanOptions options;
  options.num_malicious_nodes = -1;
  EXPECT_THAT(Bulyan::Create(options),
              StatusIs(StatusCode::kInvalidArgument, "Bulyan: num_malicious_nodes is -1"));
}

}  // namespace
}  // namespace flwrcpp
