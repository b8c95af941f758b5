// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/local_grid.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using std::chrono::seconds;

constexpr seconds kPatience{60};

class LocalGridTest : public FleetFixture {
 protected:
  StatusOr<std::vector<Message>> PullNow(LocalGrid& grid, const std::vector<std::string>& ids) {
    return grid.PullMessages(ids, seconds(0));
  }
  /// Whether the store still has the content of `Train(…, value)`.
  bool HasContent(const LocalGrid& grid, float value) {
    return state_.object_store->Get(grid.run_id(), Deflate(Content(value)).tree.id)->state !=
           ObjectState::kNotFound;
  }
};

TEST_P(LocalGridTest, KnowsTheNodesThatAreOnline) {
  const auto grid = StartRun();
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  ASSERT_THAT(service_->DeactivateNode(first), IsOk());

  EXPECT_EQ(*grid->GetNodeIds(), std::vector<std::uint64_t>{second});
}

TEST_P(LocalGridTest, AWaitForNodesEndsWhenOneComes) {
  const auto grid = StartRun();
  ASSERT_TRUE(grid->GetNodeIds()->empty());
  std::promise<void> waiting;
  std::thread joining([&] {
    waiting.get_future().wait();
    OnlineNode("key");
  });

  waiting.set_value();
  while (grid->GetNodeIds()->empty()) grid->WaitForNodes(kPatience);

  joining.join();
}

TEST_P(LocalGridTest, AWaitForNodesMissesNothingThatHappenedSinceTheLook) {
  const auto grid = StartRun();
  ASSERT_TRUE(grid->GetNodeIds()->empty());
  OnlineNode("key");

  grid->WaitForNodes(std::chrono::hours(1));  // would outlast the test

  EXPECT_EQ(grid->GetNodeIds()->size(), 1u);
}

TEST_P(LocalGridTest, AnswersForAnUnknownNodeWithAnEmptyId) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");

  const auto ids = grid->PushMessages({Train(node_id + 1), Train(node_id)});

  ASSERT_THAT(ids, IsOk());
  EXPECT_EQ((*ids)[0], "");
  EXPECT_EQ((*ids)[1].size(), 64u);
}

TEST_P(LocalGridTest, EqualMessagesToOneNodeAreTwoMessages) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");

  const auto ids = grid->PushMessages({Train(node_id), Train(node_id)});

  ASSERT_THAT(ids, IsOk());
  EXPECT_NE((*ids)[0], (*ids)[1]);
  EXPECT_EQ(Pull(node_id).messages_list(0).metadata().message_id(), (*ids)[0]);
  EXPECT_EQ(Pull(node_id).messages_list(0).metadata().message_id(), (*ids)[1]);
}

TEST_P(LocalGridTest, RefusesMessagesThatNoNodeCouldGet) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  Message bad = Train(node_id);
  bad.metadata().message_type = "trian";

  EXPECT_THAT(grid->PushMessages({Train(node_id), bad}), StatusIs(StatusCode::kInvalidArgument));

  EXPECT_EQ(Pull(node_id).messages_list_size(), 0);
}

TEST_P(LocalGridTest, APullEndsWhenAReplyComes) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  const std::string id = Send(*grid, Train(node_id));
  const Message instruction = Fetch(node_id, Pull(node_id));
  std::thread answering([&] { Answer(node_id, Message::ReplyTo(instruction, Content(2), now_)); });

  const auto replies = grid->PullMessages({&id, 1}, kPatience);

  answering.join();
  ASSERT_THAT(replies, IsOk());
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_EQ(replies->front().content(), Content(2));
}

TEST_P(LocalGridTest, AReplyIsHandedOutOnceAndItsObjectsGo) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  const std::string id = Send(*grid, Train(node_id, 1));
  Answer(node_id, Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(2), now_));
  ASSERT_TRUE(HasContent(*grid, 2));

  const auto replies = PullNow(*grid, {id});

  ASSERT_EQ(replies->size(), 1u);
  EXPECT_FALSE(HasContent(*grid, 1));
  EXPECT_FALSE(HasContent(*grid, 2));
  EXPECT_EQ(replies->front().content(), Content(2)) << "the arrays outlive the store's object";
  const auto again = PullNow(*grid, {id});
  ASSERT_EQ(again->size(), 1u);
  EXPECT_EQ(again->front().error().code, static_cast<int>(ErrorCode::kMessageUnavailable));
}

TEST_P(LocalGridTest, LargeRepliesComeOneByOne) {
  const auto grid = StartRun();
  std::vector<std::string> ids;
  for (const char* key : {"a", "b", "c"}) {
    const std::uint64_t node_id = OnlineNode(key);
    ids.push_back(Send(*grid, Train(node_id)));
    const float value = static_cast<float>(ids.size());
    Answer(node_id, Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(value, 500'000), now_));
  }

  for (int i = 0; i < 3; ++i) {
    const auto replies = PullNow(*grid, ids);
    ASSERT_THAT(replies, IsOk());
    ASSERT_EQ(replies->size(), 1u);
    std::erase(ids, replies->front().metadata().reply_to_message_id);
    EXPECT_TRUE(replies->front().has_content());
  }

  EXPECT_TRUE(ids.empty());
}

TEST_P(LocalGridTest, SmallRepliesComeTogether) {
  const auto grid = StartRun();
  std::vector<std::string> ids;
  for (const char* key : {"a", "b", "c"}) {
    const std::uint64_t node_id = OnlineNode(key);
    ids.push_back(Send(*grid, Train(node_id)));
    Answer(node_id, Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(1), now_));
  }

  EXPECT_EQ(PullNow(*grid, ids)->size(), 3u);
}

TEST_P(LocalGridTest, ANodeThatLeavesIsAnsweredFor) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  const std::string id = Send(*grid, Train(node_id, 4));
  std::thread leaving([&] { EXPECT_THAT(service_->DeactivateNode(node_id), IsOk()); });

  const auto replies = grid->PullMessages({&id, 1}, kPatience);

  leaving.join();
  ASSERT_THAT(replies, IsOk());
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_EQ(replies->front().error().code, static_cast<int>(ErrorCode::kNodeUnavailable));
  EXPECT_EQ(replies->front().metadata().reply_to_message_id, id);
  EXPECT_FALSE(HasContent(*grid, 4)) << "nobody will fetch the instruction any more";
}

TEST_P(LocalGridTest, AReplyWhoseNodeLeftAfterwardsIsNotLost) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  const std::string id = Send(*grid, Train(node_id));
  Answer(node_id, Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(2), now_));
  ASSERT_THAT(service_->DeactivateNode(node_id), IsOk());

  const auto replies = PullNow(*grid, {id});

  ASSERT_EQ(replies->size(), 1u);
  EXPECT_TRUE(replies->front().has_content());
}

TEST_P(LocalGridTest, ABrokenReplyBecomesAnErrorOfItsNode) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  const std::string id = Send(*grid, Train(node_id));
  Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), RecordDict(), now_);
  // Well-formed objects that make no message: the record dict is an array chunk.
  const Object chunk = MakeObject(ObjectType::kArrayChunk, {}, Bytes("text"));
  DeflatedMessage deflated = Deflate(reply);
  deflated.root = MakeObject(ObjectType::kMessage, {chunk.id}, deflated.root.body);
  deflated.tree = {deflated.root.id, {{chunk.id, {}}}};
  const auto announced = service_->PushMessages(node_id, PushRequest(reply, deflated));
  ASSERT_THAT(announced, IsOk());
  for (const Object& object : {chunk, deflated.root}) {
    ASSERT_TRUE(
        service_
            ->PushObject(grid->run_id(), object.id, announced->session_id(), Bytes(BytesOf(object)))
            ->stored());
  }

  const auto replies = PullNow(*grid, {id});

  ASSERT_THAT(replies, IsOk());
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_TRUE(replies->front().has_error());
  EXPECT_EQ(replies->front().metadata().src_node_id, node_id);
}

TEST_P(LocalGridTest, SaysThatItsRunHasEnded) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  const std::string id = Send(*grid, Train(node_id));
  std::thread ending([&] {
    EXPECT_THAT(state_.link_state->FinishRun(grid->run_id(), "stopped", "", now_), IsOk());
    notifier_->Notify({Topic::kReplies, grid->run_id()});
  });

  EXPECT_THAT(grid->PullMessages({&id, 1}, kPatience), StatusIs(StatusCode::kFailedPrecondition));

  ending.join();
  EXPECT_THAT(grid->PushMessages({Train(node_id)}), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_P(LocalGridTest, ClosingItEndsItsWaits) {
  const auto grid = StartRun();
  const std::uint64_t node_id = OnlineNode("key");
  const std::string id = Send(*grid, Train(node_id));
  std::thread closing([&] { grid->Close(); });

  EXPECT_THAT(grid->PullMessages({&id, 1}, kPatience), StatusIs(StatusCode::kUnavailable));

  closing.join();
  grid->WaitForNodes(kPatience);
  EXPECT_THAT(grid->GetNodeIds(), StatusIs(StatusCode::kUnavailable));
}

FLWRCPP_FOR_BOTH_STATES(LocalGridTest);

}  // namespace
}  // namespace flwrcpp::internal
