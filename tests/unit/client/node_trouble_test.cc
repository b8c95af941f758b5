// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Nodes that meet lost answers, stopped runs and broken SuperLinks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <thread>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client/node_fixture.h"

namespace flwrcpp {
namespace {

using ::flwrcpp::testing::FakeFleet;
using ::flwrcpp::testing::FleetError;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::TempDir;
using ::testing::Contains;

TEST_F(NodeTest, ALostAnswerToPushObjectDoesNotLoseTheWork) {
  fleet_.LoseAnswer("PushObject");
  fleet_.LoseAnswer("PushMessages");
  fleet_.Instruct(Model(1));
  Start();

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

TEST_F(NodeTest, FinishedWorkSurvivesARestartOfTheNode) {
  const TempDir directory;
  options_.private_key = ReadKey();
  options_.state_directory = directory.path().string();
  options_.max_retries = 1;
  fleet_.AnswerAlways("PushMessages", FleetError(503, 1005, "not ready"));
  fleet_.Instruct(Model(1));
  Start();
  ASSERT_THAT(Result(), StatusIs(StatusCode::kUnavailable));

  fleet_.AnswerAlways("PushMessages", std::nullopt);
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->content(), Model(1));
}

TEST_F(NodeTest, ARefusedReplyDoesNotStopTheNode) {
  fleet_.Answer("PushMessages", {});
  fleet_.Instruct(Model(1));
  fleet_.Instruct(Model(2));
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->content(), Model(2));
}

TEST_F(NodeTest, AStoppedRunStopsTheWorkAndDropsTheReply) {
  std::promise<void> working;
  app_.Train([&](const Message& message, Context& context) -> StatusOr<Message> {
    working.set_value();
    while (!context.stop.stop_requested()) std::this_thread::yield();
    return Echo(message, context);
  });
  fleet_.Instruct(Model(1));
  Start();
  ASSERT_EQ(working.get_future().wait_for(FakeFleet::kPatience), std::future_status::ready);

  const int pulls = fleet_.Calls("PullMessages");
  fleet_.StopRun();

  EXPECT_TRUE(fleet_.WaitForCalls("PullMessages", pulls + 2));  // the node stays
  EXPECT_EQ(fleet_.Calls("PushMessages"), 0);
  EXPECT_THAT(Stop(), IsOk());
}

TEST_F(NodeTest, AMessageOfAStoppedRunIsDropped) {
  fleet_.StopRun();
  fleet_.Instruct(Model(1));
  Start();

  EXPECT_TRUE(fleet_.WaitForCalls("PullMessages", 3));
  EXPECT_EQ(fleet_.Calls("PushMessages"), 0);
}

TEST_F(NodeTest, HeartbeatsGoOnDuringALongHandler) {
  app_.Train([&](const Message& message, Context& context) -> StatusOr<Message> {
    const int before = fleet_.Calls("SendNodeHeartbeat");
    if (!fleet_.WaitForCalls("SendNodeHeartbeat", before + 3)) {
      return Status(StatusCode::kDeadlineExceeded, "no heartbeats");
    }
    return Echo(message, context);
  });
  fleet_.Instruct(Model(1));
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_FALSE(reply->has_error()) << reply->error().reason;
}

TEST_F(NodeTest, HeartbeatsSurviveTroubleOfTheSuperLink) {
  fleet_.Answer("SendNodeHeartbeat", {500, "oops"});
  fleet_.Answer("SendNodeHeartbeat", FleetError(503, 1005, "not ready"));
  fleet_.LoseAnswer("SendNodeHeartbeat");
  fleet_.Answer("SendNodeHeartbeat", {});  // success = false
  Start();

  EXPECT_TRUE(fleet_.WaitForCalls("SendNodeHeartbeat", 7));
}

TEST_F(NodeTest, AnErrorOfThePullDoesNotTurnItIntoAZombie) {
  fleet_.Answer("PullMessages", {500, "oops"});
  fleet_.Answer("PullMessages", {200, "\xff\xff"});
  fleet_.Answer("PullMessages", FleetError(403, 1, "no"));
  fleet_.Instruct(Model(1));
  Start();

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

TEST_F(NodeTest, AStopWhileTheReplyIsSentStillDeliversIt) {
  clock_.SetFactor(2);  // the node gives itself ten seconds
  fleet_.Answer("PushObject", FleetError(503, 1005, "not ready"));
  fleet_.Instruct(Model(1));
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("PushObject", 1));

  EXPECT_THAT(Stop(), IsOk());

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

TEST_F(NodeTest, WorkThatIsNotFinishedWhenTheNodeStopsIsDropped) {
  std::promise<void> working;
  app_.Train([&](const Message& message, Context& context) -> StatusOr<Message> {
    working.set_value();
    while (!context.stop.stop_requested()) std::this_thread::yield();
    return Echo(message, context);
  });
  fleet_.Instruct(Model(1));
  Start();
  ASSERT_EQ(working.get_future().wait_for(FakeFleet::kPatience), std::future_status::ready);

  EXPECT_THAT(Stop(), IsOk());

  EXPECT_EQ(fleet_.Calls("PushMessages"), 0);
  EXPECT_THAT(fleet_.CallLog(), Contains("DeactivateNode"));
}

}  // namespace
}  // namespace flwrcpp
