// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Which nodes train, and how long a round waits for them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/fedbuff_fixture.h"

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

using FedBuffNodesTest = FedBuffFixture;

TEST_F(FedBuffNodesTest, NoMoreNodesTrainAtATimeThanAreAllowed) {
  for (std::uint64_t id = 3; id <= 9; ++id) AddNode(id);
  fedbuff_.concurrency = 3;
  fedbuff_.buffer_size = 20;
  std::vector<std::size_t> working;
  const Step any_node = [&] {
    std::size_t count = 0;
    std::uint64_t last = 0;
    for (const auto& [id, work] : work_) {
      EXPECT_LE(work.size(), 1u) << "a node was asked twice at a time";
      count += work.size();
      if (!work.empty()) last = id;
    }
    working.push_back(count);
    Trained(last, 1)();
  };
  script_.assign(20, any_node);

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(working, ::testing::Each(3u));
  EXPECT_THAT(grid_.sent, SizeIs(22));
}

TEST_F(FedBuffNodesTest, WithoutAConcurrencyAPartOfTheNodesTrains) {
  for (std::uint64_t id = 3; id <= 9; ++id) AddNode(id);
  fedbuff_.fraction_train = 0.5;
  script_ = {[&] {
    EXPECT_THAT(grid_.sent, SizeIs(4));
    stop_.request_stop();
  }};

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));
}

TEST_F(FedBuffNodesTest, AsksNobodyWhereMoreNodesTrainThanThereArePlacesLeft) {
  for (std::uint64_t id = 3; id <= 10; ++id) AddNode(id);
  fedbuff_.fraction_train = 0.5;
  fedbuff_.buffer_size = 3;
  script_ = {[&] {
               std::uint64_t trains = 0;
               bool one_stays = false;
               for (std::uint64_t id = 1; id <= 10; ++id) {
                 if (!work_[id].empty()) {
                   trains = id;
                 } else if (std::exchange(one_stays, true)) {
                   grid_.RemoveNode(id);
                 }
               }
               Trained(trains, 1)();  // four train, and of six nodes that are left three may
             },
             [&] {
               EXPECT_THAT(grid_.sent, SizeIs(5));
               stop_.request_stop();
             }};

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));
}

TEST_F(FedBuffNodesTest, ANodeThatComesIsAskedAndOneThatGoesIsNot) {
  fedbuff_.buffer_size = 4;
  script_ = {Trained(1, 1),
             [&] {
               AddNode(3);
               Trained(1, 1)();
             },
             [&] {
               grid_.RemoveNode(2);
               Failed(2, ErrorCode::kNodeUnavailable)();
             },
             Trained(3, 1), Trained(3, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1));
  EXPECT_EQ(reports_[0].train->num_results, 4);
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_EQ(reports_[0].train->failures[0].first, 2u);
  EXPECT_EQ(reports_[0].sampled_train, 5);
  EXPECT_THAT(work_[2], IsEmpty());
}

TEST_F(FedBuffNodesTest, ANodeThatFailedIsAskedAgainInTheNextRoundOnly) {
  fedbuff_.buffer_size = 2;
  options_.num_rounds = 2;
  script_ = {Failed(2), Trained(1, 1),
             [&] {
               EXPECT_THAT(work_[2], IsEmpty());
               Trained(1, 1)();
             },
             Trained(2, 1), Trained(2, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 2));
}

TEST_F(FedBuffNodesTest, ArraysThatDoNotFitTheModelAreAFailure) {
  script_ = {[&] {
               grid_.Deliver(Reply(TakeWork(1).instruction, Weights({1, 2}),
                                   {{"num-examples", std::int64_t{1}}}));
             },
             Trained(2, 5)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(5));
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_THAT(reports_[0].train->failures[0].second, HasSubstr("array 'w' has shape (2,)"));
}

TEST_F(FedBuffNodesTest, ARoundEndsWithTheUpdatesThereAreWhenNoNodeIsLeftToAsk) {
  fedbuff_.buffer_size = 3;
  options_.num_rounds = 3;
  script_ = {Trained(1, 1), Failed(1),     Failed(2),  //
             Failed(1),     Failed(2),                 //
             Trained(1, 1), Trained(2, 1), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 1, 2));
  EXPECT_EQ(reports_[1].train->num_results, 0);
  EXPECT_THAT(reports_[1].train->failures, SizeIs(2));
}

TEST_F(FedBuffNodesTest, ARoundEndsAtTheTimeoutWithTheUpdatesThereAre) {
  fedbuff_.buffer_size = 2;
  options_.timeout = std::chrono::seconds(0);
  script_ = {Trained(1, 1), Nothing()};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1));
}

TEST_F(FedBuffNodesTest, ARoundEndsAtTheTimeoutWhenAllNodesAreGone) {
  fedbuff_.buffer_size = 3;
  options_.timeout = std::chrono::seconds(0);
  grid_.all_replies_at_once = true;
  grid_.on_wait_for_nodes = [&] {
    ADD_FAILURE() << "nodes are waited for, but there is no time left";
    stop_.request_stop();
  };
  script_ = {[&] {
    for (const std::uint64_t id : {1, 2}) {
      Trained(id, 1)();
      grid_.RemoveNode(id);
    }
  }};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1));
  EXPECT_EQ(reports_[0].train->num_results, 2);
}

TEST_F(FedBuffNodesTest, AStopEndsTheWaitForUpdates) {
  script_ = {[this] { stop_.request_stop(); }};

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));

  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(FedBuffNodesTest, WaitsForNodesBeforeTheFirstRoundAndWhenAllAreGone) {
  fedbuff_.min_available_nodes = 2;
  grid_.RemoveNode(1);
  std::vector<std::size_t> sent_before;
  grid_.on_wait_for_nodes = [&] {
    sent_before.push_back(grid_.sent.size());
    for (const std::uint64_t id : {1, 2}) AddNode(id);
  };
  options_.num_rounds = 3;
  script_ = {Trained(1, 1),
             [&] {
               for (const std::uint64_t id : {1, 2}) grid_.RemoveNode(id);
               Failed(1, ErrorCode::kNodeUnavailable)();
             },
             Failed(2, ErrorCode::kNodeUnavailable), Trained(2, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(sent_before, ElementsAre(0, 3));
  EXPECT_THAT(models_, ElementsAre(1, 1, 2));
}

TEST_F(FedBuffNodesTest, EvaluationAsksNodesThatDoNotTrain) {
  fedbuff_.fraction_evaluate = 1;
  AddNode(3);
  std::vector<std::uint64_t> evaluated;
  script_ = {Trained(2, 1), [&] {
               for (const Metadata& metadata : grid_.sent) {
                 if (metadata.message_type == "evaluate") evaluated.push_back(metadata.dst_node_id);
               }
               RecordDict content;
               content.Set("metrics", MetricRecord{{"num-examples", std::int64_t{1}}});
               grid_.Deliver(Message::ReplyTo(TakeWork(2).instruction, std::move(content)));
             }};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(evaluated, ElementsAre(2));
  EXPECT_EQ(reports_[0].sampled_evaluate, 1);
  EXPECT_EQ(reports_[0].evaluate->num_results, 1);
}

}  // namespace
}  // namespace flwrcpp
