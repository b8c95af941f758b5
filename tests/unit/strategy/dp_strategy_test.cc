// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/strategy/dp_strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/fedavgm.h"
#include "tests/support/log_warnings.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/dp_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using testing::FixedNode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::LogWarnings;
using ::testing::Pair;
using testing::Reply;
using testing::Weights;
using testing::WeightsOf;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using DpStrategyTest = DpFixture;

TEST_F(DpStrategyTest, TheServerClipsWhatIsLongerThanTheNorm) {
  const auto strategy = ServerFixed::Create(Average(), Fixed()).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1.5F, 2.5F));  // of (3, 4) and (0, 1)
  EXPECT_EQ(result->num_results, 2);
}

TEST_F(DpStrategyTest, NodesThatClipGetTheNormAndAreAveragedAsTheyAre) {
  std::vector<double> norms;
  grid_.AddNode(1, [&](const Message& instruction) {
    norms.push_back(instruction.content().FindConfig("config")->GetDouble("clipping_norm").value());
    return Reply(instruction, Weights({6, 8}), Metrics());
  });
  const auto strategy = ClientFixed::Create(Average(), Fixed()).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3, 4.5F));
  EXPECT_THAT(norms, ElementsAre(5));
}

TEST_F(DpStrategyTest, NodesOfAServerThatClipsAreToldNoNorm) {
  bool told = true;
  grid_.AddNode(1, [&](const Message& instruction) {
    told = instruction.content().FindConfig("config")->contains("clipping_norm");
    return Reply(instruction, Weights({6, 8}), Metrics());
  });

  ASSERT_THAT(Round(*ServerFixed::Create(Average(), Fixed()).value()), IsOk());

  EXPECT_FALSE(told);
}

TEST_F(DpStrategyTest, ARoundWithAnErrorIsNotAggregated) {
  grid_.AddNode(2, [](const Message& instruction) {
    return Message::ErrorReplyTo(instruction, Error{2, "broken"});
  });
  FedAvgMOptions with_momentum{TwoNodes()};
  with_momentum.server_momentum = 0.9;
  const auto strategy =
      ServerAdaptive::Create(FedAvgM::Create(with_momentum).value(), Adaptive()).value();
  const LogWarnings warnings;

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_FALSE(result->metrics.has_value());
  EXPECT_THAT(result->failures, ElementsAre(Pair(2, HasSubstr("node 2: error 2"))));
  EXPECT_EQ(result->num_results, 1);
  EXPECT_EQ(strategy->clipping_norm(), 0.1);
  EXPECT_THAT(strategy->State(), IsEmpty());
  EXPECT_THAT(warnings.lines(), ElementsAre(HasSubstr("round 1 is not aggregated")));
  grid_.AddNode(2, FixedNode({0, 1}, Metrics()));
  EXPECT_TRUE(Round(*strategy, 2)->arrays.has_value());
}

TEST_F(DpStrategyTest, UpdatesThatCannotBeClippedAreFailures) {
  const auto two_records = [](const Message& instruction) {
    RecordDict content;
    content.Set("arrays", Weights({1, 2}));
    content.Set("more", Weights({1, 2}));
    content.Set("metrics", Metrics());
    return Message::ReplyTo(instruction, content);
  };
  const auto no_arrays = [](const Message& instruction) {
    RecordDict content;
    content.Set("metrics", Metrics());
    return Message::ReplyTo(instruction, content);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto& [node, text] : std::vector<std::pair<FakeGrid::Node, std::string>>{
           {FixedNode({nan, 1}, Metrics()), "ArrayRecord 'arrays': array 'w': the norm"},
           {FixedNode({infinity, 1}, Metrics()), "array 'w': the norm"},
           {FixedNode({1}, Metrics()), "array 'w' has shape (1,)"},
           {two_records, "exactly one ArrayRecord, got 2"},
           {no_arrays, "exactly one ArrayRecord, got 0"}}) {
    grid_.AddNode(1, node);
    const auto strategy = ServerFixed::Create(Average(), Fixed(1)).value();

    const StatusOr<AggregateResult> result = Round(*strategy);

    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->arrays.has_value());
    EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr(text))));
  }
}

TEST_F(DpStrategyTest, NodesThatClipCannotSendNanEither) {
  grid_.AddNode(1, FixedNode({std::numeric_limits<float>::quiet_NaN(), 1}, Metrics()));
  const auto strategy = ClientFixed::Create(Average(), Fixed(1)).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("array 'w' holds NaN or infinity"))));
}

TEST_F(DpStrategyTest, ANormBitThatIsMissingOrNoNumberIsAFailure) {
  grid_.AddNode(2, FixedNode({0, 1}, WithBit(0)));
  for (const MetricRecord& metrics :
       {Metrics(), MetricRecord{{"num-examples", std::int64_t{10}}, {"norm_bit", kNan}},
        MetricRecord{{"num-examples", std::int64_t{10}},
                     {"norm_bit", std::vector<std::int64_t>{1}}}}) {
    grid_.AddNode(1, FixedNode({0, 1}, metrics));
    const auto strategy = ClientAdaptive::Create(Average(), Adaptive()).value();

    const StatusOr<AggregateResult> result = Round(*strategy);

    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->arrays.has_value());
    EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("'norm_bit'"))));
    EXPECT_EQ(strategy->clipping_norm(), 0.1);
  }
}

TEST_F(DpStrategyTest, AnotherNumberOfRepliesIsAWarning) {
  grid_.AddNode(2, [](const Message&) { return std::nullopt; });
  const auto strategy = ServerFixed::Create(Average(), Fixed()).value();
  const LogWarnings warnings;

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3, 4));
  EXPECT_THAT(warnings.lines(), ElementsAre(HasSubstr("1 usable replies in round 1")));
}

TEST_F(DpStrategyTest, TheNormFollowsThePartOfTheRepliesThatCame) {
  grid_.AddNode(2, [](const Message&) { return std::nullopt; });
  const auto server = ServerAdaptive::Create(Average(), Adaptive()).value();
  const auto client = ClientAdaptive::Create(Average(), Adaptive()).value();

  ASSERT_THAT(Round(*server), IsOk());
  grid_.AddNode(1, FixedNode({6, 8}, WithBit(1)));
  ASSERT_THAT(Round(*client), IsOk());

  // One of one was clipped, where a half should be; not one of the two that were asked.
  EXPECT_DOUBLE_EQ(server->clipping_norm(), 0.1 * std::exp(-0.2 * (1 - 0.5)));
  EXPECT_DOUBLE_EQ(client->clipping_norm(), 0.1 * std::exp(-0.2 * (1 - 0.5)));
}

TEST_F(DpStrategyTest, ARoundWithoutRepliesLeavesTheNorm) {
  for (const std::uint64_t node : {1U, 2U}) {
    grid_.AddNode(node, [](const Message&) { return std::nullopt; });
  }
  const auto strategy = ServerAdaptive::Create(Average(), Adaptive()).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_EQ(strategy->clipping_norm(), 0.1);
  EXPECT_THAT(strategy->State(), IsEmpty());
}

TEST_F(DpStrategyTest, ANormThatWouldVanishStays) {
  AdaptiveOptions options = Adaptive();
  options.clip_norm_lr = 1e6;
  const auto strategy = ServerAdaptive::Create(Average(), options).value();
  grid_.AddNode(2, FixedNode({6, 8}, Metrics()));
  const LogWarnings warnings;

  ASSERT_THAT(Round(*strategy), IsOk());

  EXPECT_EQ(strategy->clipping_norm(), 0.1);
  EXPECT_THAT(warnings.lines(), ElementsAre(HasSubstr("the clipping norm stays 0.1")));
}

}  // namespace
}  // namespace flwrcpp
