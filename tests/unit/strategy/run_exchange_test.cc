// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// What a round does about slow and lost nodes, seen through FedAvg.

#include "strategy/run_exchange.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Reply;
using ::testing::SizeIs;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

/// FedAvg over some nodes, each of which answers what `answer_` says.
class ExchangeTest : public ::testing::Test {
 protected:
  ExchangeTest() {
    for (std::uint64_t id = 1; id <= 4; ++id) AddNode(id);
    fedavg_.seed = 5;
    fedavg_.fraction_train = 0.5;
    fedavg_.min_train_nodes = 1;
    fedavg_.fraction_evaluate = 0;
    options_.initial_arrays = Weights({0});
    options_.num_rounds = 1;
    options_.stop = stop_.get_token();
    options_.on_reply = [this](std::string_view phase, int received, int expected) {
      progress_.push_back(fmt::format("{} {}/{}", phase, received, expected));
    };
    options_.on_round = [this](const RoundReport& report, const ArrayRecord& arrays) {
      reports_.push_back(report);
      models_.push_back(WeightsOf(arrays)[0]);
      return absl::OkStatus();
    };
  }

  void AddNode(std::uint64_t id) {
    grid_.AddNode(id, [this](const Message& instruction) { return answer_(instruction); });
  }

  /// The weights that came, one more.
  static std::optional<Message> Good(const Message& instruction) {
    const float value = WeightsOf(*instruction.content().FindArrays("arrays"))[0];
    return Reply(instruction, Weights({value + 1}), {{"num-examples", std::int64_t{10}}});
  }
  static std::optional<Message> Fail(const Message& instruction, ErrorCode code) {
    return Message::ErrorReplyTo(instruction, Error{static_cast<std::int64_t>(code), "sorry"});
  }
  static std::uint64_t NodeOf(const Message& instruction) {
    return instruction.metadata().dst_node_id;
  }

  StatusOr<Result> Start() {
    return FedAvg::Create(fedavg_).value()->Start(grid_, std::move(options_));
  }

  std::vector<std::uint64_t> Asked() const {
    std::vector<std::uint64_t> ids;
    for (const Metadata& metadata : grid_.sent) ids.push_back(metadata.dst_node_id);
    return ids;
  }

  FakeGrid grid_;
  FakeGrid::Node answer_ = Good;
  FedAvgOptions fedavg_;
  StartOptions options_;
  std::stop_source stop_;
  std::vector<std::string> progress_;
  std::vector<RoundReport> reports_;
  std::vector<float> models_;
};

using OverSelectionTest = ExchangeTest;
using RedispatchTest = ExchangeTest;

TEST_F(OverSelectionTest, AsksMoreNodesAndClosesTheRoundWithTheFirstReplies) {
  options_.over_selection = 0.5;
  options_.timeout.reset();  // waiting for the third would never end
  const RecordDict* content = nullptr;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (content == nullptr) content = &instruction.content();
    EXPECT_EQ(&instruction.content(), content) << "the content is not the same one";
    return grid_.sent.size() == 2 ? std::nullopt : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  const std::vector<std::uint64_t> asked = Asked();
  ASSERT_THAT(asked, SizeIs(3));
  EXPECT_EQ(std::set(asked.begin(), asked.end()).size(), 3u) << "a node was asked twice";
  EXPECT_EQ(reports_[0].sampled_train, 2);
  EXPECT_EQ(reports_[0].train->num_results, 2);
  EXPECT_EQ(reports_[0].train->num_late, 0);
  EXPECT_THAT(reports_[0].train->failures, IsEmpty());
  EXPECT_THAT(progress_, ElementsAre("train 1/2", "train 2/2"));
}

TEST_F(OverSelectionTest, LateRepliesAreCountedWhereTheyArriveAndChangeNothing) {
  options_.over_selection = 0.5;
  options_.num_rounds = 3;
  std::optional<Message> late;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (grid_.sent.size() == 1) {
      late = Reply(instruction, Weights({1000}), {{"num-examples", std::int64_t{10}}});
      return std::nullopt;
    }
    if (grid_.sent.size() == 4) grid_.Deliver(*late);  // the first of the second round
    return Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 2, 3));
  EXPECT_EQ(reports_[0].train->num_late, 0);
  EXPECT_EQ(reports_[1].train->num_late, 1);
  EXPECT_EQ(reports_[1].train->num_results, 2);
}

TEST_F(OverSelectionTest, RepliesBeyondThoseNeededAreLateAtOnceWhenTheyCameTogether) {
  options_.over_selection = 1;
  grid_.all_replies_at_once = true;

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[0].train->num_results, 2);
  EXPECT_EQ(reports_[0].train->num_late, 2);
}

TEST_F(OverSelectionTest, NodesThatStillWorkArePassedOver) {
  options_.over_selection = 0.5;
  options_.num_rounds = 8;
  std::map<std::uint64_t, int> asked;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    ++asked[NodeOf(instruction)];
    return NodeOf(instruction) == 4 ? std::nullopt : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(asked[4], 1);
  for (const RoundReport& report : reports_) EXPECT_EQ(report.train->num_results, 2);
}

TEST_F(OverSelectionTest, ANodeThatHasAnsweredMeanwhileIsIdle) {
  options_.over_selection = 0.5;
  options_.num_rounds = 4;
  fedavg_.fraction_train = 0.75;  // all are needed
  std::map<std::uint64_t, int> asked;
  std::optional<Message> late;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    ++asked[NodeOf(instruction)];
    if (NodeOf(instruction) != 4) return Good(instruction);
    late = Good(instruction);
    return std::nullopt;
  };
  options_.on_round = [&](const RoundReport&, const ArrayRecord&) {
    if (late.has_value()) grid_.Deliver(*std::exchange(late, std::nullopt));
    return absl::OkStatus();
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(asked[4], 4);
}

TEST_F(OverSelectionTest, WhereNoOtherIsIdleANodeThatStillWorksIsAsked) {
  options_.over_selection = 0.5;
  options_.num_rounds = 2;
  options_.timeout = std::chrono::seconds(0);
  fedavg_.fraction_train = 1;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    return NodeOf(instruction) == 4 ? std::nullopt : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), ElementsAre(1, 2, 3, 4, 1, 2, 3, 4));
  EXPECT_EQ(reports_[1].train->num_results, 3);
}

TEST_F(OverSelectionTest, AnErrorThatASpareNodeMakesUpForCostsNoPlace) {
  options_.over_selection = 0.5;
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() == 1 ? Fail(instruction, ErrorCode::kClientAppRaisedException)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[0].train->num_results, 2);
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_EQ(reports_[0].train->failures[0].first, Asked()[0]);
  EXPECT_THAT(reports_[0].train->failures[0].second, HasSubstr("sorry; its place was given"));
  EXPECT_THAT(progress_, ElementsAre("train 1/2", "train 2/2"));
}

TEST_F(OverSelectionTest, MoreErrorsThanSpareNodesAreLostPlaces) {
  options_.over_selection = 0.5;
  options_.timeout.reset();
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() <= 2 ? Fail(instruction, ErrorCode::kClientAppRaisedException)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(2));
  EXPECT_THAT(progress_, ElementsAre("train 1/2", "train 2/2"));
}

TEST_F(OverSelectionTest, TheTimeoutClosesARoundThatIsNotFull) {
  options_.over_selection = 0.5;
  options_.timeout = std::chrono::seconds(0);
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    return grid_.sent.size() == 1 ? Good(instruction) : std::nullopt;
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(3));
  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_THAT(models_, ElementsAre(1));
}

TEST_F(OverSelectionTest, RoundsUpButNotByRounding) {
  for (std::uint64_t id = 5; id <= 30; ++id) AddNode(id);
  for (const auto& [over_selection, expected] :
       {std::pair(0.1, 11u), std::pair(0.7, 17u), std::pair(0.11, 12u), std::pair(1.0, 20u)}) {
    SCOPED_TRACE(over_selection);
    grid_.sent.clear();
    fedavg_.min_train_nodes = 10;
    fedavg_.fraction_train = 0.1;
    StartOptions options;
    options.initial_arrays = Weights({0});
    options.num_rounds = 1;
    options.over_selection = over_selection;
    ASSERT_THAT(FedAvg::Create(fedavg_).value()->Start(grid_, options), IsOk());
    EXPECT_THAT(Asked(), SizeIs(expected));
  }
}

TEST_F(OverSelectionTest, IsForEvaluationToo) {
  options_.over_selection = 0.5;
  fedavg_.fraction_train = 0;
  fedavg_.fraction_evaluate = 0.5;
  fedavg_.min_evaluate_nodes = 1;
  options_.timeout.reset();
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (grid_.sent.size() == 1) return std::nullopt;
    RecordDict content;
    content.Set("metrics", MetricRecord{{"num-examples", std::int64_t{1}}, {"loss", 0.5}});
    return Message::ReplyTo(instruction, std::move(content));
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(3));
  EXPECT_EQ(reports_[0].evaluate->num_results, 2);
}

TEST_F(OverSelectionTest, RefusesValuesOutOfRange) {
  for (const double value : {-0.1, 100.5, std::nan("")}) {
    options_.over_selection = value;
    EXPECT_THAT(Start(), StatusIs(StatusCode::kInvalidArgument, "over_selection"));
  }
  options_.over_selection = 0;
  options_.max_redispatches = -1;
  EXPECT_THAT(Start(), StatusIs(StatusCode::kInvalidArgument, "max_redispatches"));
}

TEST_F(RedispatchTest, ThePlaceOfALostNodeIsTakenByAnIdleOne) {
  options_.max_redispatches = 1;
  const RecordDict* content = nullptr;
  answer_ = [&](const Message& instruction) {
    if (content == nullptr) content = &instruction.content();
    EXPECT_EQ(&instruction.content(), content) << "the content is not the same one";
    return grid_.sent.size() == 1 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  const std::vector<std::uint64_t> asked = Asked();
  ASSERT_THAT(asked, SizeIs(3));
  EXPECT_EQ(std::set(asked.begin(), asked.end()).size(), 3u) << "a node has two parts in the round";
  EXPECT_EQ(reports_[0].sampled_train, 2);
  EXPECT_EQ(reports_[0].train->num_results, 2);
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_EQ(reports_[0].train->failures[0].first, asked[0]);
  EXPECT_THAT(progress_, ElementsAre("train 1/2", "train 2/2"));
}

TEST_F(RedispatchTest, OnlyLossesAreMadeUpFor) {
  for (const auto& [code, expected] :
       {std::pair(ErrorCode::kMessageUnavailable, 3u),
        std::pair(ErrorCode::kReplyMessageUnavailable, 3u),
        std::pair(ErrorCode::kNodeUnavailable, 3u), std::pair(ErrorCode::kClientAppCrashed, 3u),
        std::pair(ErrorCode::kUnknown, 2u), std::pair(ErrorCode::kLoadClientAppException, 2u),
        std::pair(ErrorCode::kClientAppRaisedException, 2u),
        std::pair(ErrorCode::kModFailedPrecondition, 2u)}) {
    SCOPED_TRACE(ErrorCodeName(static_cast<std::int64_t>(code)));
    grid_.sent.clear();
    answer_ = [&, code = code](const Message& instruction) {
      return grid_.sent.size() == 1 ? Fail(instruction, code) : Good(instruction);
    };
    StartOptions options;
    options.initial_arrays = Weights({0});
    options.num_rounds = 1;
    options.max_redispatches = 1;
    ASSERT_THAT(FedAvg::Create(fedavg_).value()->Start(grid_, options), IsOk());
    EXPECT_THAT(Asked(), SizeIs(expected));
  }
}

TEST_F(RedispatchTest, APlaceThatIsLostAgainAndAgainIsGivenUp) {
  for (std::uint64_t id = 5; id <= 9; ++id) AddNode(id);
  fedavg_.fraction_train = 0.12;  // one node
  options_.max_redispatches = 2;
  answer_ = [&](const Message& instruction) {
    return Fail(instruction, ErrorCode::kNodeUnavailable);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(3));
  EXPECT_EQ(reports_[0].train->num_results, 0);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(3));
  EXPECT_THAT(progress_, ElementsAre("train 1/1"));
}

TEST_F(RedispatchTest, WhereNoNodeIsIdleThePlaceIsLost) {
  options_.max_redispatches = 5;
  options_.timeout.reset();
  fedavg_.fraction_train = 1;
  answer_ = [&](const Message& instruction) {
    return NodeOf(instruction) == 2 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                    : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(reports_[0].train->num_results, 3);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(1));
}

TEST_F(RedispatchTest, AMessageThatWasRefusedIsALoss) {
  for (const std::uint64_t id : {1, 2}) grid_.RemoveNode(id);
  grid_.ghosts = {1, 2};
  options_.max_redispatches = 2;
  options_.num_rounds = 6;  // both ghosts are chosen at some time

  ASSERT_THAT(Start(), IsOk());

  int lost = 0;
  for (const RoundReport& report : reports_) {
    EXPECT_EQ(report.train->num_results, 2);
    lost += static_cast<int>(report.train->failures.size());
  }
  EXPECT_GT(lost, 0);
}

TEST_F(RedispatchTest, ASpareNodeMakesUpForALossBeforeAnotherIsAsked) {
  options_.over_selection = 0.5;
  options_.max_redispatches = 1;
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() == 1 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(3));
  EXPECT_EQ(reports_[0].train->num_results, 2);
}

TEST_F(ExchangeTest, WithoutOptionsALostNodeIsAFailure) {
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() == 1 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(2));
  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(1));
}

// The timeout of a round lets nodes work on, too; their replies must not stay at the SuperLink.
TEST_F(ExchangeTest, RepliesAfterTheTimeoutAreFetchedInALaterRoundAndLetGo) {
  options_.num_rounds = 2;
  options_.timeout = std::chrono::seconds(0);
  std::optional<Message> late;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (grid_.sent.size() == 1) {
      late = Good(instruction);
      return std::nullopt;
    }
    if (grid_.sent.size() == 3) grid_.Deliver(*late);
    return Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_EQ(reports_[1].train->num_results, 2);
  EXPECT_EQ(reports_[1].train->num_late, 1);
}

/// Asks its nodes twice in a round, the second time exactly those that answered.
class TwoQuestions : public FedAvg {
 public:
  explicit TwoQuestions(FedAvgOptions options) : FedAvg(std::move(options)) {}

  StatusOr<std::optional<AggregateResult>> RunTrain(const TrainPhase& phase) override {
    StatusOr<std::vector<Message>> messages =
        ConfigureTrain(phase.server_round, phase.arrays, phase.config, phase.grid, phase.stop);
    if (!messages.ok()) return messages.status();
    const std::shared_ptr<const RecordDict> content = messages->front().shared_content();
    std::vector<Message> again;
    Status status = phase.exchange.FillPlaces(*std::move(messages), [&](Message reply) {
      again.push_back(Message::Instruction(content, reply.metadata().src_node_id, "train"));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    for (const Message& message : again) second.push_back(message.metadata().dst_node_id);
    const std::unique_ptr<Aggregator> aggregator = AggregateTrain(phase.server_round);
    status = phase.exchange.SendAndReceive(std::move(again), [&](Message reply) {
      aggregator->Add(std::move(reply));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    StatusOr<AggregateResult> result = aggregator->Finish();
    if (!result.ok()) return result.status();
    return *std::move(result);
  }

  std::vector<std::uint64_t> second;
};

TEST_F(ExchangeTest, ATrainPhaseOfSeveralExchangesKeepsToTheNodesItNames) {
  options_.over_selection = 0.5;
  options_.max_redispatches = 1;
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() == 4 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };
  TwoQuestions strategy(fedavg_);

  ASSERT_THAT(strategy.Start(grid_, std::move(options_)), IsOk());

  std::vector<std::uint64_t> asked = Asked();
  ASSERT_THAT(asked, SizeIs(5));  // two and a spare one, then two
  EXPECT_EQ(std::vector(asked.begin() + 3, asked.end()), strategy.second);
  EXPECT_EQ(reports_[0].sampled_train, 2);
  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_THAT(progress_, ElementsAre("train 1/2", "train 2/2", "train 1/2", "train 2/2"));
}

}  // namespace
}  // namespace flwrcpp
