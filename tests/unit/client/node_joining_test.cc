// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Nodes that join, stay connected and leave.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

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
using ::testing::ElementsAre;
using ::testing::Not;

TEST_F(NodeTest, JoinsAndLeavesAsFlowersNodesDo) {
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("PullMessages", 2));
  ASSERT_TRUE(fleet_.WaitForCalls("SendNodeHeartbeat", 2));

  EXPECT_THAT(Stop(), IsOk());

  std::vector<std::string> calls = fleet_.CallLog();
  // A call that the stop cut short may still be on its way.
  std::erase(calls, "SendNodeHeartbeat");
  std::erase(calls, "PullMessages");
  EXPECT_THAT(calls,
              ElementsAre("RegisterNode", "ActivateNode", "DeactivateNode", "UnregisterNode"));
  EXPECT_EQ(connected_, std::to_string(fleet_.node_id()) + " http");
}

TEST_F(NodeTest, WithAGivenKeyItNeitherRegistersNorUnregisters) {
  options_.private_key = ReadKey();
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("PullMessages", 1));

  EXPECT_THAT(Stop(), IsOk());

  EXPECT_THAT(fleet_.CallLog(), Contains("DeactivateNode"));
  EXPECT_THAT(fleet_.CallLog(), Not(Contains("RegisterNode")));
  EXPECT_THAT(fleet_.CallLog(), Not(Contains("UnregisterNode")));
}

TEST_F(NodeTest, GoesOnWhenTheAnswersToRegistrationAndActivationAreLost) {
  fleet_.LoseAnswer("RegisterNode");
  fleet_.LoseAnswer("ActivateNode");
  // The first repetition tells that the key is known, but not the id: the node must wait.
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("ActivateNode", 3));
  fleet_.SetOnline(false);

  EXPECT_TRUE(fleet_.WaitForCalls("PullMessages", 1));
  EXPECT_THAT(Stop(), IsOk());
}

TEST_F(NodeTest, KnowingItsIdItGoesOnAtOnceWhenTheAnswerToActivationIsLost) {
  fleet_.LoseAnswer("ActivateNode");
  Start();

  EXPECT_TRUE(fleet_.WaitForCalls("PullMessages", 1));
  EXPECT_EQ(fleet_.Calls("ActivateNode"), 2);
}

TEST_F(NodeTest, AfterACrashItWaitsUntilTheSuperLinkActivatesItsKeyAgain) {
  options_.private_key = ReadKey();
  fleet_.SetOnline(true);
  clock_.SetFactor(10);  // its patience lasts longer than a busy machine keeps this test waiting
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("ActivateNode", 3));
  EXPECT_EQ(fleet_.Calls("PullMessages"), 0);

  fleet_.SetOnline(false);

  EXPECT_TRUE(fleet_.WaitForCalls("PullMessages", 1));
}

TEST_F(NodeTest, AfterACrashItGoesOnWithTheIdInItsStateDirectory) {
  const TempDir directory;
  options_.private_key = ReadKey();
  options_.state_directory = directory.path().string();
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("PullMessages", 1));
  ASSERT_THAT(Stop(), IsOk());
  fleet_.SetOnline(true);  // as if it had not signed off
  const int before = fleet_.Calls("PullMessages");

  Start();

  EXPECT_TRUE(fleet_.WaitForCalls("PullMessages", before + 1));
  EXPECT_EQ(fleet_.Calls("ActivateNode"), 2);
  EXPECT_EQ(connected_, std::to_string(fleet_.node_id()) + " http");
}

TEST_F(NodeTest, AKeyThatIsNeverAcceptedEndsTheNode) {
  options_.private_key = ReadKey();
  fleet_.SetOnline(true);
  Start();

  EXPECT_THAT(Result(), StatusIs(StatusCode::kFailedPrecondition, "not registered"));
}

TEST_F(NodeTest, ARefusedRegistrationEndsTheNode) {
  fleet_.Answer("RegisterNode", FleetError(412, 2001, "Registration is closed"));
  Start();

  EXPECT_THAT(Result(), StatusIs(StatusCode::kFailedPrecondition, "Registration is closed"));
}

TEST_F(NodeTest, WaitsForASuperLinkThatIsNotReady) {
  for (int i = 0; i < 3; ++i) fleet_.Answer("RegisterNode", FleetError(503, 1005, "not ready"));
  Start();

  EXPECT_TRUE(fleet_.WaitForCalls("PullMessages", 1));
}

TEST_F(NodeTest, WithoutSuperLinkItEndsWithinTheRetryLimitAndAtOnceWhenStopped) {
  fleet_.AnswerAlways("RegisterNode", FleetError(503, 1005, "not ready"));
  options_.max_retries = 2;
  Start();
  EXPECT_THAT(Result(), StatusIs(StatusCode::kUnavailable, "not ready"));
  EXPECT_EQ(fleet_.Calls("RegisterNode"), 3);

  options_.max_retries.reset();
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("RegisterNode", 5));
  EXPECT_THAT(Stop(), IsOk());
}

TEST_F(NodeTest, UnauthenticatedEndsTheNode) {
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("PullMessages", 1));
  fleet_.AnswerAlways("PullMessages", {{401, R"({"detail": "Invalid authentication"})"}});

  EXPECT_THAT(Result(), StatusIs(StatusCode::kUnauthenticated, "does not accept this node"));
}

TEST_F(NodeTest, AnUnauthenticatedHeartbeatEndsTheNodeWhateverItDoes) {
  std::promise<void> working;
  app_.Train([&](const Message& message, Context& context) -> StatusOr<Message> {
    working.set_value();
    while (!context.stop.stop_requested()) std::this_thread::yield();
    return Message::ReplyTo(message, {});
  });
  fleet_.Instruct(Model(1));
  Start();
  ASSERT_EQ(working.get_future().wait_for(FakeFleet::kPatience), std::future_status::ready);
  fleet_.AnswerAlways("SendNodeHeartbeat", {{401, "{}"}});

  EXPECT_THAT(Result(), StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(NodeTest, RefusesContradictingOptions) {
  options_.private_key = "no key";
  EXPECT_THAT(RunNode(app_, options_, {}), StatusIs(StatusCode::kInvalidArgument, "private key"));
  options_.private_key = "";
  options_.superlink = "nowhere";
  EXPECT_THAT(RunNode(app_, options_, {}), StatusIs(StatusCode::kInvalidArgument, "host:port"));
  options_.superlink = "127.0.0.1:1";
  options_.root_certificates = "x";
  EXPECT_THAT(RunNode(app_, options_, {}), StatusIs(StatusCode::kInvalidArgument));
  options_.root_certificates = "";
  options_.concurrent_objects = 0;
  EXPECT_THAT(RunNode(app_, options_, {}), StatusIs(StatusCode::kInvalidArgument));
  options_.concurrent_objects = 1;
  options_.idle_poll_interval = std::chrono::seconds(0);
  EXPECT_THAT(RunNode(app_, options_, {}), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace flwrcpp
