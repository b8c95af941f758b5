// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

const MetricRecord kMetrics = {{"num-examples", std::int64_t{10}}, {"loss", 0.5}};

Message FromNode(std::uint64_t node_id, RecordDict content) {
  Metadata metadata;
  metadata.src_node_id = node_id;
  return {metadata, std::move(content)};
}

RecordDict TrainContent(std::vector<float> values, MetricRecord metrics) {
  RecordDict content;
  content.Set("arrays", Weights(std::move(values)));
  content.Set("metrics", std::move(metrics));
  return content;
}

std::unique_ptr<Aggregator> TrainAggregator(FedAvgOptions options) {
  return FedAvg::Create(std::move(options)).value()->AggregateTrain(1);
}

/// Adds a good reply of node 99, then `content` of node 123: it must become a failure with `text`.
void ExpectFailure(RecordDict content, const std::string& text) {
  const auto aggregator = TrainAggregator({});

  aggregator->Add(FromNode(99, TrainContent({1, 2}, kMetrics)));
  aggregator->Add(FromNode(123, std::move(content)));
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 1);
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1, 2));
  EXPECT_THAT(result->failures, ElementsAre(Pair(123, HasSubstr("node 123: " + text))));
}

TEST(ReplyAggregatorTest, ErrorRepliesAreFailures) {
  const auto aggregator = TrainAggregator({});
  Metadata metadata;
  metadata.src_node_id = 5;

  aggregator->Add(Message(metadata, Error{2, "no data"}));
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 0);
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_FALSE(result->metrics.has_value());
  EXPECT_THAT(result->failures, ElementsAre(Pair(5, HasSubstr("CLIENT_APP_RAISED_EXCEPTION"))));
  EXPECT_THAT(result->failures[0].second, HasSubstr("no data"));
}

TEST(ReplyAggregatorTest, RepliesWithoutTheirRecordsAreFailures) {
  RecordDict content;
  ExpectFailure(content, "expected exactly one ArrayRecord, got 0");
  content.Set("arrays", Weights({1, 1}));
  ExpectFailure(content, "expected exactly one MetricRecord, got 0");
  content.Set("metrics", kMetrics);
  content.Set("more", kMetrics);
  ExpectFailure(content, "expected exactly one MetricRecord, got 2");
  content.Set("more", Weights({1, 1}));
  ExpectFailure(content, "expected exactly one ArrayRecord, got 2");
}

TEST(ReplyAggregatorTest, ConfigRecordsDoNotMatter) {
  const auto aggregator = TrainAggregator({});
  RecordDict content = TrainContent({3, 4}, kMetrics);
  content.Set("note", ConfigRecord{{"device", std::string("cpu")}});

  aggregator->Add(FromNode(1, TrainContent({1, 2}, kMetrics)));
  aggregator->Add(FromNode(2, content));

  EXPECT_THAT(WeightsOf(*aggregator->Finish()->arrays), ElementsAre(2, 3));
}

TEST(ReplyAggregatorTest, WeightsThatAreNoneAreFailures) {
  MetricRecord metrics = kMetrics;
  const auto content = [&](MetricValue weight) {
    metrics.Set("num-examples", std::move(weight));
    return TrainContent({5, 5}, metrics);
  };

  ExpectFailure(content(std::numeric_limits<double>::quiet_NaN()), "MetricRecord 'metrics'");
  ExpectFailure(content(std::numeric_limits<double>::infinity()), "MetricRecord 'metrics'");
  ExpectFailure(content(std::int64_t{-1}), "MetricRecord 'metrics'");
  ExpectFailure(content(std::vector<double>{1.0}), "MetricRecord 'metrics'");
  ExpectFailure(TrainContent({5, 5}, {{"loss", 0.5}}), "MetricRecord 'metrics'");
}

TEST(ReplyAggregatorTest, AnOverflowingSumOfWeightsIsAFailure) {
  for (const bool train : {true, false}) {
    const auto strategy = FedAvg::Create({}).value();
    const auto aggregator = train ? strategy->AggregateTrain(1) : strategy->AggregateEvaluate(1);
    const MetricRecord metrics = {{"num-examples", 1e308}, {"loss", 0.25}};

    aggregator->Add(FromNode(1, TrainContent({1}, metrics)));
    aggregator->Add(FromNode(2, TrainContent({1}, metrics)));
    const StatusOr<AggregateResult> result = aggregator->Finish();

    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(result->failures, ElementsAre(Pair(2, HasSubstr("overflows"))));
    EXPECT_EQ(result->metrics->GetDouble("loss").value(), 0.25);
  }
}

TEST(ReplyAggregatorTest, OnlyWeightsOfZeroAreFailuresOfAll) {
  const auto aggregator = TrainAggregator({});
  const MetricRecord metrics = {{"num-examples", std::int64_t{0}}};

  aggregator->Add(FromNode(1, TrainContent({1}, metrics)));
  aggregator->Add(FromNode(2, TrainContent({1}, metrics)));
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 0);
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("'num-examples' is 0")),
                                            Pair(2, HasSubstr("'num-examples' is 0"))));
}

TEST(ReplyAggregatorTest, ForeignArraysAreFailuresThatNameKeyAndNodes) {
  RecordDict content = TrainContent({5, 5}, kMetrics);
  ArrayRecord arrays;
  arrays.Set("v", Array::From<float>({5, 5}, {2}).value());
  content.Set("arrays", arrays);
  ExpectFailure(content, "ArrayRecord 'arrays': misses key 'w' that node 99 sent");
  ExpectFailure(TrainContent({5, 5, 5}, kMetrics),
                "ArrayRecord 'arrays': array 'w' has shape (3,), node 99 sent (2,)");
}

TEST(ReplyAggregatorTest, RecordNamesAreFreeButEqualForAll) {
  RecordDict first;
  first.Set("model", Weights({1}));
  first.Set("numbers", kMetrics);
  RecordDict renamed = first;
  const auto aggregator = TrainAggregator({});

  aggregator->Add(FromNode(1, first));
  aggregator->Add(FromNode(2, renamed));
  aggregator->Add(FromNode(3, TrainContent({1}, kMetrics)));
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 2);
  EXPECT_THAT(result->failures,
              ElementsAre(Pair(3, HasSubstr("called 'arrays', node 1 called it 'model'"))));
}

TEST(ReplyAggregatorTest, ForeignMetricsAreFailures) {
  MetricRecord metrics = kMetrics;
  metrics.Set("accuracy", 0.5);
  ExpectFailure(TrainContent({5, 5}, metrics),
                "MetricRecord 'metrics' has key 'accuracy' that node 99 did not send");
  ExpectFailure(TrainContent({5, 5}, {{"num-examples", 3.0}}),
                "MetricRecord 'metrics' misses key 'loss' that node 99 sent");
  metrics = kMetrics;
  metrics.Set("loss", std::vector<double>{0.5, 0.5});
  ExpectFailure(TrainContent({5, 5}, metrics),
                "MetricRecord 'metrics': 'loss' is a list of 2, node 99 sent a number");
}

TEST(ReplyAggregatorTest, AFaultyFirstReplyDoesNotDecide) {
  const auto aggregator = TrainAggregator({});

  aggregator->Add(FromNode(1, TrainContent({1, 2, 3}, {{"loss", 0.5}})));
  aggregator->Add(FromNode(2, TrainContent({1, 2}, kMetrics)));
  aggregator->Add(FromNode(3, TrainContent({3, 4}, kMetrics)));
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 2);
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(2, 3));
}

TEST(ReplyAggregatorTest, EvaluateRepliesNeedNoArrays) {
  const auto aggregator = FedAvg::Create({}).value()->AggregateEvaluate(1);
  RecordDict content;
  content.Set("metrics", kMetrics);

  aggregator->Add(FromNode(1, content));
  aggregator->Add(FromNode(2, TrainContent({1}, kMetrics)));
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 2);
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_EQ(result->metrics->GetDouble("loss").value(), 0.5);
  EXPECT_FALSE(result->metrics->contains("num-examples"));
}

TEST(ReplyAggregatorTest, OwnFunctionGetsTheMetricsOfAllValidReplies) {
  std::vector<WeightedMetrics> seen;
  FedAvgOptions options;
  options.train_metrics_aggr_fn = [&](const std::vector<WeightedMetrics>& replies) {
    seen = replies;
    return MetricRecord{{"replies", static_cast<std::int64_t>(replies.size())}};
  };
  const auto aggregator = TrainAggregator(options);
  const MetricRecord longer = {{"num-examples", 30.0}, {"loss", std::vector<double>{1, 2}}};

  aggregator->Add(FromNode(1, TrainContent({1}, kMetrics)));
  aggregator->Add(FromNode(2, TrainContent({1}, longer)));
  aggregator->Add(FromNode(3, TrainContent({1, 2}, kMetrics)));
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->metrics->GetDouble("replies").value(), 2);
  ASSERT_EQ(seen.size(), 2);
  EXPECT_EQ(seen[1].node_id, 2);
  EXPECT_EQ(seen[1].weight, 30);
  EXPECT_EQ(seen[1].metrics, longer);
}

TEST(ReplyAggregatorTest, AnExceptionOfTheOwnFunctionIsAnError) {
  FedAvgOptions options;
  options.train_metrics_aggr_fn =
      [](const std::vector<WeightedMetrics>&) -> StatusOr<MetricRecord> {
    throw std::runtime_error("no idea");
  };
  const auto aggregator = TrainAggregator(options);

  aggregator->Add(FromNode(1, TrainContent({1}, kMetrics)));

  EXPECT_THAT(aggregator->Finish(), StatusIs(StatusCode::kInternal, "no idea"));
}

TEST(ReplyAggregatorTest, ARoundWithoutRepliesHasNoAggregate) {
  const auto aggregator = TrainAggregator({});

  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_THAT(result->failures, IsEmpty());
}

TEST(ReplyAggregatorTest, AReplyIsLetGoAtOnce) {
  const auto aggregator = TrainAggregator({});
  Message reply = FromNode(1, TrainContent({1, 2}, kMetrics));
  const std::weak_ptr<const RecordDict> content = reply.shared_content();

  aggregator->Add(std::move(reply));

  EXPECT_TRUE(content.expired());
}

}  // namespace
}  // namespace flwrcpp
