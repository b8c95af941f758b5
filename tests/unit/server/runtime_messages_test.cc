// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Instructions of ServerApps and the replies to them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/server/runtime_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

class RuntimeMessagesTest : public RuntimeFixture {};

TEST_P(RuntimeMessagesTest, AnswersOneIdForEachMessageEmptyForOneThatHasNoNode) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  const std::string first_id = Add(batch, Instruction(run, first));
  Add(batch, Instruction(run, first + second));
  const std::string second_id = Add(batch, Instruction(run, second));

  EXPECT_THAT(PushAll(run, batch), ElementsAre(first_id, "", second_id));

  EXPECT_EQ(Fetch(first, Pull(first)).metadata().message_type, "train");
  EXPECT_EQ(Fetch(second, Pull(second)).content(), Content(1));
}

TEST_P(RuntimeMessagesTest, StoresNothingOfAPushWithAMalformedMessage) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const std::uint64_t other_run = RunOf(StartApp()).run_id;
  Batch whole;
  const std::string good = Add(whole, Instruction(run, node_id, 1));
  Add(whole, Instruction(run, node_id, 2));
  const std::map<std::string, std::function<void(flwr::proto::PushAppMessagesRequest&)>> faults = {
      {"an unknown type",
       [](auto& push) {
         push.mutable_messages_list(1)->mutable_metadata()->set_message_type("drain");
       }},
      {"neither content nor error",
       [](auto& push) { push.mutable_messages_list(1)->clear_content(); }},
      {"no ttl", [](auto& push) { push.mutable_messages_list(1)->mutable_metadata()->set_ttl(0); }},
      {"another source",
       [](auto& push) { push.mutable_messages_list(1)->mutable_metadata()->set_src_node_id(7); }},
      {"another tree",
       [](auto& push) {
         push.mutable_message_object_trees(1)->set_object_id(std::string(64, 'a'));
       }},
      {"another run",
       [&](auto& push) {
         push.mutable_messages_list(1)->mutable_metadata()->set_run_id(other_run);
       }},
      {"a tree too few", [](auto& push) { push.mutable_message_object_trees()->RemoveLast(); }},
      {"a message too few", [](auto& push) { push.mutable_messages_list()->RemoveLast(); }},
      {"no messages", [](auto& push) { push.Clear(); }},
  };

  for (const auto& [what, spoil] : faults) {
    SCOPED_TRACE(what);
    flwr::proto::PushAppMessagesRequest push = whole.request;
    spoil(push);
    EXPECT_THAT(runtime_->PushMessages(run, push), StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(state_.link_state->GetMessageMetadata(good), StatusIs(StatusCode::kNotFound));
    EXPECT_FALSE(IsKept(run, good));
  }
  EXPECT_THAT(PushAll(run, whole), ElementsAre(good, ::testing::Not("")));
}

TEST_P(RuntimeMessagesTest, SharedObjectsAreUploadedOnceAndNodesWaitForThem) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, first));
  Add(batch, Instruction(run, second));

  const auto pushed = runtime_->PushMessages(run, batch.request);

  ASSERT_THAT(pushed, IsOk());
  const std::set<std::string> wanted(pushed->objects_to_push().begin(),
                                     pushed->objects_to_push().end());
  EXPECT_EQ(wanted.size(), static_cast<std::size_t>(pushed->objects_to_push_size()));
  EXPECT_EQ(wanted.size(), batch.objects.size());
  for (const std::string& id : pushed->objects_to_push()) {
    // Half of what is there would be of no use to a node.
    EXPECT_EQ(Pull(first).messages_list_size() + Pull(second).messages_list_size(), 0);
    EXPECT_TRUE(Upload(run, batch, id, pushed->session_id())->stored());
  }
  EXPECT_EQ(Fetch(first, Pull(first)).content(), Content(1));
  EXPECT_EQ(Fetch(second, Pull(second)).content(), Content(1));
}

TEST_P(RuntimeMessagesTest, ObjectsAreOfTheServerAppAndItsRun) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const RunInfo other = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, node_id));
  const auto pushed = runtime_->PushMessages(run, batch.request);
  ASSERT_THAT(pushed, IsOk());
  const std::string id = pushed->objects_to_push(0);
  const std::string session = pushed->session_id();
  const auto kWrongNode = IsApiError(ApiErrorCode::kUnexpectedNodeId);

  EXPECT_THAT(Upload(run, batch, id, session, node_id), kWrongNode);
  EXPECT_THAT(Upload(run, batch, id, session, 0), kWrongNode);
  EXPECT_THAT(PullObject(run, id, node_id), kWrongNode);
  EXPECT_FALSE(Upload(other, batch, id, session)->stored());
  EXPECT_FALSE(Upload(run, batch, id, "no session")->stored());
  EXPECT_FALSE(
      runtime_->PushObject(run.run_id, 1, id, session, Bytes(std::string("no object")))->stored());
  EXPECT_EQ(PullObject(run, id)->state, ObjectState::kUnavailable);
  EXPECT_TRUE(Upload(run, batch, id, session)->stored());
  EXPECT_EQ(PullObject(run, id)->state, ObjectState::kAvailable);
  EXPECT_EQ(PullObject(other, id)->state, ObjectState::kNotFound);
}

TEST_P(RuntimeMessagesTest, ARoundLeavesNothingBehind) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  Batch batch;
  Add(batch, Instruction(run, first));
  Add(batch, Instruction(run, second));
  const std::vector<std::string> ids = PushAll(run, batch);
  LetAnswer(first, 3);

  const auto early = PullReplies(run, ids);
  ASSERT_EQ(early.messages_list_size(), 1);
  EXPECT_EQ(early.messages_list(0).metadata().reply_to_message_id(), ids[0]);
  EXPECT_EQ(early.messages_list(0).metadata().src_node_id(), first);
  EXPECT_EQ(FetchReply(run, early).content(), Content(3));
  EXPECT_EQ(PullReplies(run, {ids[1]}).ByteSizeLong(), 0u);
  LetAnswer(second, 4);
  EXPECT_EQ(FetchReply(run, PullReplies(run, {ids[1]})).content(), Content(4));

  for (const auto& [id, object] : batch.objects) EXPECT_FALSE(IsKept(run, id));
  EXPECT_GE(seen_.size(), 2u);
  for (const std::string& id : seen_) EXPECT_FALSE(IsKept(run, id));
  FinishAs(run, "completed", "fine");
  EXPECT_EQ(Stored(run).sub_status, "completed");
  EXPECT_EQ(Stored(run).details, "fine");
  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
  EXPECT_THAT(runtime_->SendTaskHeartbeat(token), kDeadToken);
  EXPECT_THAT(runtime_->PullTaskInput(token), kDeadToken);
}

TEST_P(RuntimeMessagesTest, WhatAFinishedRunLeftIsCleared) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, node_id));
  PushAll(run, batch);

  FinishAs(run, "failed", "crashed");

  for (const auto& [id, object] : batch.objects) EXPECT_FALSE(IsKept(run, id));
  EXPECT_EQ(Pull(node_id).messages_list_size(), 0);
}

TEST_P(RuntimeMessagesTest, AnErrorMadeHereIsPulledAndConfirmedLikeAReply) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, node_id));
  const std::string id = PushAll(run, batch).front();
  ASSERT_THAT(service_->DeactivateNode(node_id), IsOk());
  now_ += 1;

  const auto pulled = PullReplies(run, {id});

  ASSERT_EQ(pulled.messages_list_size(), 1);
  const flwr::proto::Message& stub = pulled.messages_list(0);
  EXPECT_EQ(stub.error().code(), static_cast<int>(ErrorCode::kNodeUnavailable));
  EXPECT_EQ(stub.metadata().message_id().size(), 64u);
  EXPECT_EQ(stub.metadata().reply_to_message_id(), id);
  const Message reply = FetchReply(run, pulled);
  ASSERT_TRUE(reply.has_error());
  EXPECT_EQ(reply.error().code, static_cast<int>(ErrorCode::kNodeUnavailable));
  EXPECT_FALSE(IsKept(run, stub.metadata().message_id()));
  for (const auto& [object_id, object] : batch.objects) EXPECT_FALSE(IsKept(run, object_id));
}

TEST_P(RuntimeMessagesTest, AnUnknownInstructionHasAnErrorForAReply) {
  const RunInfo run = RunOf(StartApp());

  const auto pulled = PullReplies(run, {std::string(64, 'a'), std::string(64, 'b')});

  ASSERT_EQ(pulled.messages_list_size(), 2);
  for (const int i : {0, 1}) {
    const Message reply = FetchReply(run, pulled, i);
    ASSERT_TRUE(reply.has_error());
    EXPECT_EQ(reply.error().code, static_cast<int>(ErrorCode::kMessageUnavailable));
  }
}

TEST_P(RuntimeMessagesTest, AReplyIsHandedOutToItsRunUntilItIsConfirmed) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const RunInfo other = RunOf(StartApp());
  const std::string id = PushOne(run, node_id);
  LetAnswer(node_id, 3);
  const auto lost = PullReplies(run, {id});
  ASSERT_EQ(lost.messages_list_size(), 1);

  std::vector<std::string> open = {id};
  ASSERT_THAT(runtime_->RemoveAnswered(run.run_id, open), IsOk());
  EXPECT_TRUE(open.empty());
  EXPECT_THAT(runtime_->PullMessages(other.run_id, {&id, 1}),
              StatusIs(StatusCode::kPermissionDenied));
  const auto again = PullReplies(run, {id});
  EXPECT_EQ(again.SerializeAsString(), lost.SerializeAsString());
  EXPECT_EQ(FetchReply(run, again).content(), Content(3));

  EXPECT_EQ(PullReplies(run, {id}).messages_list(0).error().code(),
            static_cast<int>(ErrorCode::kMessageUnavailable));
  EXPECT_FALSE(IsKept(run, id));
}

TEST_P(RuntimeMessagesTest, AnErrorMadeHereIsTheSameInEachPull) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const std::string id = PushOne(run, node_id);
  ASSERT_THAT(service_->DeactivateNode(node_id), IsOk());
  now_ += 1;
  const auto lost = PullReplies(run, {id});
  now_ += 1;

  const auto again = PullReplies(run, {id});

  EXPECT_EQ(again.SerializeAsString(), lost.SerializeAsString());
  EXPECT_EQ(FetchReply(run, again).error().code, static_cast<int>(ErrorCode::kNodeUnavailable));
}

TEST_P(RuntimeMessagesTest, TellsWhichInstructionsAreAnswered) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const std::string first = PushOne(run, node_id);
  now_ += 1;
  const std::string second = PushOne(run, node_id);
  ASSERT_NE(first, second);
  LetAnswer(node_id, 3);
  std::vector<std::string> open = {first, second};

  const StatusOr<double> next = runtime_->RemoveAnswered(run.run_id, open);

  ASSERT_THAT(next, IsOk());
  EXPECT_THAT(open, ElementsAre(second));
  EXPECT_EQ(*next, now_ - 1 + 60) << "when the node is no longer taken for online";
  const RunInfo other = RunOf(StartApp());
  EXPECT_THAT(runtime_->RemoveAnswered(other.run_id, open),
              StatusIs(StatusCode::kPermissionDenied));
}

FLWRCPP_FOR_BOTH_STATES(RuntimeMessagesTest);

}  // namespace
}  // namespace flwrcpp::internal
