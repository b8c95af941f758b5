// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/strategy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;
using testing::Reply;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

const MetricRecord kMetrics = {{"num-examples", std::int64_t{10}}, {"loss", 0.5}};

/// Adds one to the weights, so that every round leaves its mark.
std::optional<Message> Increment(const Message& instruction) {
  std::vector<float> values = WeightsOf(*instruction.content().FindArrays("arrays"));
  for (float& value : values) ++value;
  return Reply(instruction, Weights(values), kMetrics);
}

/// FedAvg over two nodes.
class StrategyTest : public ::testing::Test {
 protected:
  StrategyTest() {
    grid_.AddNode(1, Increment);
    grid_.AddNode(2, Increment);
    options_.initial_arrays = Weights({0});
    options_.stop = stop_.get_token();
  }

  StatusOr<Result> Start() {
    return FedAvg::Create(fedavg_).value()->Start(grid_, std::move(options_));
  }

  FakeGrid grid_;
  FedAvgOptions fedavg_;
  StartOptions options_;
  std::stop_source stop_;
};

TEST_F(StrategyTest, RunsAllRoundsAndCollectsTheirMetrics) {
  options_.num_rounds = 3;
  options_.evaluate_fn = [](int, const ArrayRecord& arrays) {
    return std::optional<MetricRecord>({{"w", double{WeightsOf(arrays)[0]}}});
  };

  const StatusOr<Result> result = Start();

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(result->arrays), ElementsAre(3));
  EXPECT_THAT(result->train_metrics_clientapp, ElementsAre(Pair(1, MetricRecord{{"loss", 0.5}}),
                                                           Pair(2, MetricRecord{{"loss", 0.5}}),
                                                           Pair(3, MetricRecord{{"loss", 0.5}})));
  EXPECT_EQ(result->evaluate_metrics_clientapp.size(), 3);
  EXPECT_THAT(result->evaluate_metrics_serverapp,
              ElementsAre(Pair(0, MetricRecord{{"w", 0.0}}), Pair(1, MetricRecord{{"w", 1.0}}),
                          Pair(2, MetricRecord{{"w", 2.0}}), Pair(3, MetricRecord{{"w", 3.0}})));
}

TEST_F(StrategyTest, ARoundTrainsThenEvaluatesTheNewArraysThenReports) {
  std::vector<std::string> events;
  const auto node = [&](const Message& instruction) {
    const ConfigRecord& config = *instruction.content().FindConfig("config");
    events.push_back(fmt::format("{} {} {} {}", instruction.metadata().message_type,
                                 config.GetInt("server-round").value(),
                                 config.GetString("phase").value(),
                                 WeightsOf(*instruction.content().FindArrays("arrays"))[0]));
    return Increment(instruction);
  };
  fedavg_.min_train_nodes = fedavg_.min_evaluate_nodes = fedavg_.min_available_nodes = 1;
  grid_.RemoveNode(2);
  grid_.AddNode(1, node);
  options_.num_rounds = 2;
  options_.train_config.Set("phase", std::string("t"));
  options_.evaluate_config.Set("phase", std::string("e"));
  options_.evaluate_fn = [&](int round, const ArrayRecord& arrays) {
    events.push_back(fmt::format("server {} {}", round, WeightsOf(arrays)[0]));
    return std::optional<MetricRecord>();
  };
  options_.on_round = [&](const RoundReport& report, const ArrayRecord& arrays) {
    events.push_back(fmt::format("report {} {}", report.server_round, WeightsOf(arrays)[0]));
    return absl::OkStatus();
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(events, ElementsAre("server 0 0", "report 0 0",                                   //
                                  "train 1 t 0", "evaluate 1 e 1", "server 1 1", "report 1 1",  //
                                  "train 2 t 1", "evaluate 2 e 2", "server 2 2", "report 2 2"));
}

TEST_F(StrategyTest, ReportsWhatHappened) {
  grid_.AddNode(3, [](const Message& instruction) {
    return Message::ErrorReplyTo(instruction, Error{2, "broken"});
  });
  std::vector<std::string> progress;
  options_.num_rounds = 1;
  options_.on_reply = [&](std::string_view phase, int received, int expected) {
    progress.push_back(fmt::format("{} {}/{}", phase, received, expected));
  };
  std::optional<RoundReport> seen;
  options_.on_round = [&](const RoundReport& report, const ArrayRecord&) {
    seen = report;
    return absl::OkStatus();
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(progress, ElementsAre("train 1/3", "train 2/3", "train 3/3", "evaluate 1/3",
                                    "evaluate 2/3", "evaluate 3/3"));
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->num_rounds, 1);
  EXPECT_EQ(seen->sampled_train, 3);
  EXPECT_EQ(seen->sampled_evaluate, 3);
  EXPECT_EQ(seen->train->num_results, 2);
  EXPECT_FALSE(seen->train->arrays.has_value());
  EXPECT_EQ(seen->train->failures.size(), 1);
  EXPECT_EQ(seen->evaluate->num_results, 2);
  EXPECT_FALSE(seen->server_metrics.has_value());
}

TEST_F(StrategyTest, WithoutAUsableReplyTheArraysStay) {
  const auto broken = [](const Message& instruction) {
    return Message::ErrorReplyTo(instruction, Error{2, "broken"});
  };
  grid_.AddNode(1, broken);
  grid_.AddNode(2, broken);
  std::vector<float> seen;
  options_.on_round = [&](const RoundReport&, const ArrayRecord& arrays) {
    seen = WeightsOf(arrays);
    return absl::OkStatus();
  };

  const StatusOr<Result> result = Start();

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(seen, ElementsAre(0));
  EXPECT_THAT(result->arrays, IsEmpty());
  EXPECT_THAT(result->train_metrics_clientapp, IsEmpty());
}

TEST_F(StrategyTest, GoesOnWithoutNodesThatDoNotAnswerInTime) {
  grid_.AddNode(2, [](const Message&) { return std::optional<Message>(); });
  options_.num_rounds = 2;
  options_.timeout = std::chrono::milliseconds(10);
  std::vector<int> results;
  options_.on_round = [&](const RoundReport& report, const ArrayRecord&) {
    results.push_back(report.train->num_results);
    return absl::OkStatus();
  };

  const StatusOr<Result> result = Start();

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(result->arrays), ElementsAre(2));
  EXPECT_THAT(results, ElementsAre(1, 1));
}

TEST_F(StrategyTest, PhasesWithoutMessagesAreLeftOut) {
  fedavg_.fraction_evaluate = 0;
  options_.num_rounds = 1;
  std::optional<RoundReport> seen;
  options_.on_round = [&](const RoundReport& report, const ArrayRecord&) {
    seen = report;
    return absl::OkStatus();
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_TRUE(seen->train.has_value());
  EXPECT_FALSE(seen->evaluate.has_value());
  EXPECT_EQ(seen->sampled_evaluate, 0);
  EXPECT_EQ(grid_.sent.size(), 2);
}

TEST_F(StrategyTest, GoesOnFromACheckpoint) {
  options_.initial_arrays = Weights({5});
  options_.first_round = 6;
  options_.num_rounds = 7;
  std::vector<int> evaluated;
  options_.evaluate_fn = [&](int round, const ArrayRecord&) {
    evaluated.push_back(round);
    return std::optional<MetricRecord>();
  };

  const StatusOr<Result> result = Start();

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(result->arrays), ElementsAre(7));
  EXPECT_THAT(evaluated, ElementsAre(6, 7));
}

TEST_F(StrategyTest, NoRoundsOnlyEvaluateTheInitialArrays) {
  options_.num_rounds = 0;
  options_.evaluate_fn = [](int, const ArrayRecord&) {
    return std::optional<MetricRecord>({{"loss", 2.0}});
  };

  const StatusOr<Result> result = Start();

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->evaluate_metrics_serverapp.size(), 1);
  EXPECT_THAT(grid_.sent, IsEmpty());
}

TEST_F(StrategyTest, RefusesRoundsOutOfRange) {
  options_.first_round = 0;
  EXPECT_THAT(Start(), StatusIs(StatusCode::kInvalidArgument, "first_round"));
  options_.first_round = 1;
  options_.num_rounds = -1;
  EXPECT_THAT(Start(), StatusIs(StatusCode::kInvalidArgument, "num_rounds"));
}

TEST_F(StrategyTest, AStopWhileRepliesAreAwaitedEndsTheRun) {
  grid_.on_pull = [this] {
    if (grid_.sent.size() > 4) stop_.request_stop();  // in the second round
  };
  int rounds = 0;
  options_.on_round = [&](const RoundReport&, const ArrayRecord&) {
    ++rounds;
    return absl::OkStatus();
  };

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));

  EXPECT_EQ(rounds, 1);
}

TEST_F(StrategyTest, AStopBetweenRoundsSendsNothingMore) {
  options_.on_round = [this](const RoundReport&, const ArrayRecord&) {
    stop_.request_stop();
    return absl::OkStatus();
  };

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));

  EXPECT_EQ(grid_.sent.size(), 4);
}

TEST_F(StrategyTest, AnErrorOfOnRoundEndsTheRun) {
  options_.on_round = [](const RoundReport&, const ArrayRecord&) {
    return absl::ResourceExhaustedError("disk full");
  };

  EXPECT_THAT(Start(), StatusIs(StatusCode::kResourceExhausted, "disk full"));

  EXPECT_EQ(grid_.sent.size(), 4);
}

TEST_F(StrategyTest, ExceptionsOfCallbacksBecomeErrors) {
  options_.evaluate_fn = [](int, const ArrayRecord&) -> StatusOr<std::optional<MetricRecord>> {
    throw std::runtime_error("out of luck");
  };
  EXPECT_THAT(Start(), StatusIs(StatusCode::kInternal, "evaluate_fn threw: out of luck"));

  options_ = {};
  options_.on_reply = [](std::string_view, int, int) { throw 7; };
  EXPECT_THAT(Start(), StatusIs(StatusCode::kInternal, "on_reply threw"));
}

// A node's memory is counted in models: what a round sent must be gone when replies come in, and
// so must the arrays of the round before, once they are replaced.
TEST_F(StrategyTest, HoldsNothingButTheGlobalArraysWhileRepliesComeIn) {
  bool held = false;
  grid_.on_pull = [&] {
    for (const auto& content : grid_.sent_contents) held = held || !content.expired();
  };
  auto owner = std::make_shared<std::string>(Weights({0}).Find("w")->Contiguous().view());
  const std::weak_ptr<std::string> initial = owner;
  options_.initial_arrays = ArrayRecord();
  const std::string_view view = *owner;
  options_.initial_arrays.Set("w", Array::FromNpy(Bytes(std::move(owner), view)).value());
  options_.num_rounds = 2;
  bool initial_held = true;
  options_.on_round = [&](const RoundReport&, const ArrayRecord&) {
    initial_held = !initial.expired();
    return absl::OkStatus();
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_FALSE(held);
  EXPECT_FALSE(initial_held);
}

TEST_F(StrategyTest, AStrategyThatCarriesNothingHasAnEmptyStateAndTakesNoOther) {
  const auto strategy = FedAvg::Create({}).value();
  EXPECT_TRUE(strategy->State().empty());
  EXPECT_THAT(strategy->RestoreState({}), IsOk());
  RecordDict state;
  state.Set("momentum", Weights({1}));
  EXPECT_THAT(strategy->RestoreState(state), StatusIs(StatusCode::kInvalidArgument, "momentum"));
}

}  // namespace
}  // namespace flwrcpp
