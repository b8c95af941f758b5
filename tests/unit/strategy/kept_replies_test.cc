// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/kept_replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedmedian.h"
#include "tests/support/failing_reply.h"
#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using testing::ComplexArrays;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;
using testing::StatusIs;
using testing::TrainRound;
using testing::Weights;
using testing::WeightsOf;
using testing::WeightsReply;

/// `arrays` must be a failure with `text`.
void ExpectFailure(ArrayRecord arrays, const std::string& text) {
  testing::ExpectFailure(*FedMedian::Create({}).value(), Weights({0, 0}), {7, std::move(arrays)},
                         {WeightsReply(8, {1, 2}), WeightsReply(9, {3, 4})},
                         "node 7: ArrayRecord 'arrays': " + text);
}

TEST(KeptRepliesTest, ArraysThatDoNotFitTheGlobalModelAreFailures) {
  ExpectFailure(Weights({1, 2, 3}), "array 'w' has shape (3,), the global model has (2,)");
  ExpectFailure({}, "misses key 'w' that the global model has");
  ArrayRecord more = Weights({1, 2});
  more.Set("v", Array::From<float>({1}, {1}).value());
  ExpectFailure(more, "has key 'v' that the global model does not have");
}

TEST(KeptRepliesTest, ArraysWithoutAnOrderAreFailures) {
  ExpectFailure(Weights({1, std::numeric_limits<float>::quiet_NaN()}), "array 'w' holds NaN");
  ExpectFailure(ComplexArrays(2), "array 'w' has dtype complex64, expected real numbers");
}

TEST(KeptRepliesTest, WithoutAReadableGlobalModelAllRepliesAreFailures) {
  ArrayRecord global;
  global.Set("w", Array("float32", {1}, "numpy.ndarray", {Bytes(std::string("no npy"))}));
  const auto strategy = FedMedian::Create({}).value();

  const auto result = TrainRound(*strategy, global, {WeightsReply(1, {1}), WeightsReply(2, {2})});

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_EQ(result->num_results, 0);
  EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("global model: array 'w'")),
                                            Pair(2, HasSubstr("global model: array 'w'"))));
}

TEST(KeptRepliesTest, TheGlobalModelDecidesOnTypesNotTheFirstReply) {
  ArrayRecord doubles;
  doubles.Set("w", Array::From<double>({5}, {1}).value());
  const auto strategy = FedMedian::Create({}).value();

  const auto result = TrainRound(*strategy, Weights({0}),
                                 {{1, doubles}, WeightsReply(2, {1}), WeightsReply(3, {9})});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->failures, IsEmpty());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(5));
}

TEST(KeptRepliesTest, MetricsHaveTheFormOfMostNodesNotOfTheFirst) {
  const MetricRecord usual = {{"num-examples", std::int64_t{1}}, {"loss", 0.5}};
  const MetricRecord list = {{"num-examples", std::int64_t{1}}, {"loss", std::vector<double>{1}}};
  const MetricRecord other = {{"num-examples", std::int64_t{1}}, {"trap", 0.5}};
  const auto strategy = FedMedian::Create({}).value();

  const auto result = TrainRound(*strategy, Weights({0}),
                                 {WeightsReply(1, {100}, other), WeightsReply(2, {100}, list),
                                  WeightsReply(4, {4}, usual), WeightsReply(3, {2}, usual)});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 2);
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3));
  EXPECT_EQ(result->metrics->GetDouble("loss").value(), 0.5);
  EXPECT_THAT(result->failures,
              ElementsAre(Pair(1, HasSubstr("misses key 'loss' that node 3 sent")),
                          Pair(2, HasSubstr("'loss' is a list of 1, node 3 sent a number"))));
}

TEST(KeptRepliesTest, OfFormsAsFrequentTheOneOfTheLowestNodeIdCounts) {
  const MetricRecord a = {{"num-examples", std::int64_t{1}}, {"a", 0.5}};
  const MetricRecord b = {{"num-examples", std::int64_t{1}}, {"b", 0.5}};
  const auto strategy = FedMedian::Create({}).value();

  const auto result =
      TrainRound(*strategy, Weights({0}), {WeightsReply(2, {2}, b), WeightsReply(1, {1}, a)});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1));
}

TEST(KeptRepliesTest, OwnMetricsFunctionGetsThemInTheOrderOfNodeIds) {
  std::vector<std::uint64_t> seen;
  FedAvgOptions options;
  options.train_metrics_aggr_fn = [&](const std::vector<WeightedMetrics>& replies) {
    for (const WeightedMetrics& reply : replies) seen.push_back(reply.node_id);
    return MetricRecord();
  };
  const auto strategy = FedMedian::Create(options).value();

  ASSERT_THAT(TrainRound(*strategy, Weights({0}),
                         {WeightsReply(30, {1}), WeightsReply(10, {1}), WeightsReply(20, {1})}),
              IsOk());

  EXPECT_THAT(seen, ElementsAre(10, 20, 30));
}

TEST(KeptRepliesTest, ErrorsOfNodesAreFailures) {
  const auto strategy = FedMedian::Create({}).value();
  testing::FakeGrid grid;
  grid.AddNode(1, nullptr);
  grid.AddNode(2, nullptr);
  ASSERT_THAT(strategy->ConfigureTrain(1, Weights({0}), {}, grid, {}), IsOk());
  const auto aggregator = strategy->AggregateTrain(1);
  Metadata metadata;
  metadata.src_node_id = 1;

  aggregator->Add(Message(metadata, Error{2, "no data"}));
  const auto result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("no data"))));
}

}  // namespace
}  // namespace flwrcpp
