// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Whole nodes against a fake SuperLink that speaks the real wire, in time that runs fast.

#include "flwrcpp/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <thread>

#include "client/run_node.h"
#include "crypto/sha256.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_fleet_servers.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp {
namespace {

using ::flwrcpp::testing::FakeFleet;
using ::flwrcpp::testing::FastClock;
using ::flwrcpp::testing::FleetError;
using ::flwrcpp::testing::GrpcFleetServer;
using ::flwrcpp::testing::HttpFleetServer;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::TempDir;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string ReadKey() {
  std::ifstream file(std::string(FLWRCPP_GOLDEN_DIR) + "/keys/p384.openssh");
  return {std::istreambuf_iterator<char>(file), {}};
}

RecordDict Model(float value) {
  RecordDict content;
  content.Set("arrays", ArrayRecord{{"w", *Array::From(std::vector<float>{value, 2}, {2})}});
  content.Set("config", ConfigRecord{{"server-round", std::int64_t{1}}});
  return content;
}

/// Answers with what it got.
StatusOr<Message> Echo(const Message& message, Context& /*context*/) {
  return Message(Metadata(), message.shared_content());
}

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    options_.superlink = http_.address();
    options_.insecure = true;
    options_.on_connected = [this](std::uint64_t node_id, std::string_view wire) {
      connected_ = std::to_string(node_id) + " " + std::string(wire);
    };
    app_.Train(Echo);
  }
  ~NodeTest() override { static_cast<void>(Stop()); }

  void Start() {
    stop_ = {};
    result_ = std::async(std::launch::async, [this] {
      return internal::RunNode(app_, options_, clock_, stop_.get_token());
    });
  }
  /// Ends the node, if it runs, and returns how it ended.
  Status Stop() {
    if (!result_.valid()) return {};
    stop_.request_stop();
    return result_.get();
  }
  /// Waits until the node ends by itself.
  Status Result() {
    if (result_.wait_for(FakeFleet::kPatience) != std::future_status::ready) {
      return {StatusCode::kDeadlineExceeded, "the node did not end"};
    }
    return result_.get();
  }

  FakeFleet fleet_;
  HttpFleetServer http_{fleet_};
  FastClock clock_;
  NodeOptions options_;
  ClientApp app_;
  std::stop_source stop_;
  std::future<Status> result_;
  std::string connected_;
};

// --- Joining and leaving ------------------------------------------------------------------------

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

// --- Answering messages -------------------------------------------------------------------------

TEST_F(NodeTest, AnswersAMessage) {
  const std::string instruction = fleet_.Instruct(Model(1));
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->content(), Model(1));
  const Metadata& metadata = reply->metadata();
  EXPECT_EQ(metadata.run_id, FakeFleet::kRunId);
  EXPECT_EQ(metadata.src_node_id, fleet_.node_id());
  EXPECT_EQ(metadata.dst_node_id, kSuperLinkNodeId);
  EXPECT_EQ(metadata.reply_to_message_id, instruction);
  EXPECT_EQ(metadata.message_type, "train");
  EXPECT_EQ(metadata.dst_task_id, 5U);
  EXPECT_GT(metadata.ttl, 0);
  EXPECT_LT(metadata.ttl, 3600);
  EXPECT_EQ(fleet_.Calls("ConfirmMessageReceived"), 1);
}

TEST_F(NodeTest, SpeaksGrpcWhenTheSuperLinkDoes) {
  const GrpcFleetServer grpc(fleet_);
  options_.superlink = grpc.address();
  fleet_.Instruct(Model(1));
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->content(), Model(1));
  EXPECT_EQ(connected_, std::to_string(fleet_.node_id()) + " grpc");
}

TEST_F(NodeTest, PullsOnlyTheObjectsItDoesNotHave) {
  fleet_.Instruct(Model(1));
  fleet_.Instruct(Model(1));
  Start();
  ASSERT_TRUE(fleet_.WaitForReply().has_value());
  ASSERT_TRUE(fleet_.WaitForReply().has_value());

  // Message, RecordDict, ArrayRecord, Array, ArrayChunk, ConfigRecord; then a new Message alone.
  EXPECT_EQ(fleet_.PulledObjects().size(), 7U);
}

TEST_F(NodeTest, WaitsForObjectsThatAreNotUploadedYet) {
  fleet_.InstructWithoutObjects(Model(1));
  Start();
  ASSERT_TRUE(fleet_.WaitForCalls("PullObject", 8));
  EXPECT_EQ(fleet_.Calls("ConfirmMessageReceived"), 0);

  fleet_.Upload();

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

TEST_F(NodeTest, TellsTheServerAppWhenAnObjectCannotBeHad) {
  const std::string instruction = fleet_.Instruct(Model(1));
  fleet_.Answer("PullObject", {});  // not found
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->metadata().reply_to_message_id, instruction);
  EXPECT_THAT(reply->error().reason, HasSubstr("does not have object"));
}

TEST_F(NodeTest, TellsTheServerAppWhenAnObjectIsDamaged) {
  flwr::proto::PullObjectResponse damaged;
  damaged.set_object_found(true);
  damaged.set_object_available(true);
  damaged.set_object_content("ArrayChunk  3\0abc");
  fleet_.Instruct(Model(1));
  fleet_.Answer("PullObject", {200, damaged.SerializeAsString()});
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->has_error());
}

TEST_F(NodeTest, TellsTheServerAppWhenAMessageIsTooLarge) {
  options_.max_message_bytes = 300;
  fleet_.Instruct(Model(1));
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(reply->error().reason, HasSubstr("larger than 300 bytes"));
}

TEST_F(NodeTest, AHandlersExceptionIsAnErrorReplyAndTheNodeGoesOn) {
  app_.Train(
      [](const Message&, Context&) -> StatusOr<Message> { throw std::runtime_error("no data"); });
  app_.Evaluate(Echo);
  fleet_.Instruct(Model(1));
  fleet_.Instruct(Model(2), "evaluate");
  fleet_.Instruct(Model(3), "query");
  Start();

  std::optional<Message> reply = fleet_.WaitForReply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error(), (Error{2, "<class 'std::runtime_error'>:<'no data'>"}));
  reply = fleet_.WaitForReply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->content(), Model(2));
  reply = fleet_.WaitForReply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error().code, 2);
  EXPECT_THAT(reply->error().reason, HasSubstr("no handler"));
}

TEST_F(NodeTest, AReplyWithoutContentIsAnError) {
  app_.Train([](const Message&, Context&) -> StatusOr<Message> { return Message(); });
  fleet_.Instruct(Model(1));
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error().code, 2);
}

TEST_F(NodeTest, TheHandlerSeesItsContextAndKeepsStateForTheRun) {
  std::vector<std::size_t> state_sizes;
  Context seen;
  app_.Train([&](const Message& message, Context& context) -> StatusOr<Message> {
    state_sizes.push_back(context.state.size());
    context.state.Set("message " + std::to_string(state_sizes.size()), ConfigRecord());
    seen = context;
    return Echo(message, context);
  });
  flwr::proto::Run run;
  run.set_run_id(FakeFleet::kRunId);
  (*run.mutable_override_config())["lr"].set_double_(0.5);
  fleet_.SetRun(run);
  options_.node_config.Set("partition-id", std::int64_t{3});
  fleet_.Instruct(Model(1));
  fleet_.Instruct(Model(2));
  Start();
  ASSERT_TRUE(fleet_.WaitForReply().has_value());
  ASSERT_TRUE(fleet_.WaitForReply().has_value());
  ASSERT_THAT(Stop(), IsOk());

  EXPECT_THAT(state_sizes, ElementsAre(0U, 1U));
  EXPECT_EQ(seen.run_id, FakeFleet::kRunId);
  EXPECT_EQ(seen.node_id, fleet_.node_id());
  EXPECT_EQ(*seen.node_config.GetInt("partition-id"), 3);
  EXPECT_EQ(*seen.run_config.GetDouble("lr"), 0.5);
  EXPECT_EQ(fleet_.Calls("GetRun"), 1);
}

TEST_F(NodeTest, AFabThatDoesNotFitItsHashIsAnErrorReply) {
  flwr::proto::Run run;
  run.set_fab_hash(std::string(64, '0'));
  fleet_.SetRun(run);
  fleet_.SetFab("anything");
  fleet_.Instruct(Model(1));
  Start();

  const std::optional<Message> reply = fleet_.WaitForReply();

  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(reply->error().reason, HasSubstr("FAB"));
}

// --- Trouble on the way -------------------------------------------------------------------------

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
