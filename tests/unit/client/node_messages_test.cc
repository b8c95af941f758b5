// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Nodes that answer messages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/client/node_fixture.h"

namespace flwrcpp {
namespace {

using ::flwrcpp::testing::FakeFleet;
using ::flwrcpp::testing::GrpcFleetServer;
using ::flwrcpp::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace flwrcpp
