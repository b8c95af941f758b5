// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// What a round does about slow nodes, seen through FedAvg.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/exchange_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Reply;
using ::testing::SizeIs;
using testing::StatusIs;
using testing::Weights;

using OverSelectionTest = ExchangeFixture;

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

TEST_F(OverSelectionTest, ALateReplyTakesNoSpareNodeAway) {
  options_.over_selection = 0.5;
  options_.num_rounds = 2;
  std::optional<Message> late;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (grid_.sent.size() == 1) {
      late = Good(instruction);
      return std::nullopt;
    }
    if (grid_.sent.size() != 4) return Good(instruction);
    grid_.Deliver(*late);  // before any reply of the second round
    return Fail(instruction, ErrorCode::kClientAppRaisedException);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[1].train->num_late, 1);
  EXPECT_EQ(reports_[1].train->num_results, 2);
  EXPECT_THAT(reports_[1].train->failures, SizeIs(1));
}

TEST_F(OverSelectionTest, AnErrorThatComesLateIsNeitherALateReplyNorAFailure) {
  options_.over_selection = 0.5;
  options_.num_rounds = 2;
  std::optional<Message> late;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (grid_.sent.size() == 1) {
      late = Fail(instruction, ErrorCode::kNodeUnavailable);
      return std::nullopt;
    }
    if (grid_.sent.size() == 4) grid_.Deliver(*late);  // the first of the second round
    return Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[1].train->num_late, 0);
  EXPECT_EQ(reports_[1].train->num_results, 2);
  EXPECT_THAT(reports_[1].train->failures, IsEmpty());
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

}  // namespace
}  // namespace flwrcpp
