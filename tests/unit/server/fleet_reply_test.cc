// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <utility>

#include "superlink/fleet_service.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

/// An object store that lets something happen right after uploads have expired in it.
class HookedStore final : public ObjectStore {
 public:
  explicit HookedStore(std::shared_ptr<ObjectStore> store) : store_(std::move(store)) {}

  std::function<void()> after_expiry;

  StatusOr<std::vector<std::string>> ExpireSessions(double now) override {
    auto roots = store_->ExpireSessions(now);
    if (roots.ok() && !roots->empty() && after_expiry) std::exchange(after_expiry, nullptr)();
    return roots;
  }
  StatusOr<PushSession> OpenPush(std::uint64_t run_id, std::span<const ObjectTree> trees,
                                 double now) override {
    return store_->OpenPush(run_id, trees, now);
  }
  StatusOr<PutResult> Put(std::uint64_t run_id, const std::string& session_id, const Object& object,
                          double now) override {
    return store_->Put(run_id, session_id, object, now);
  }
  Status StoreTree(std::uint64_t run_id, const ObjectTree& tree,
                   std::span<const Object> objects) override {
    return store_->StoreTree(run_id, tree, objects);
  }
  StatusOr<StoredObject> Get(std::uint64_t run_id, const std::string& object_id) override {
    return store_->Get(run_id, object_id);
  }
  StatusOr<ObjectTree> GetTree(std::uint64_t run_id, const std::string& object_id) override {
    return store_->GetTree(run_id, object_id);
  }
  Status Confirm(std::uint64_t run_id, const std::string& object_id) override {
    return store_->Confirm(run_id, object_id);
  }
  Status ClearRun(std::uint64_t run_id) override { return store_->ClearRun(run_id); }

 private:
  const std::shared_ptr<ObjectStore> store_;
};

/// How a node's reply comes in.
class FleetReplyTest : public FleetFixture {};

TEST_P(FleetReplyTest, AMessageGoesToTheNodeAndItsReplyBack) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id, 7));

  const Message instruction = Fetch(node_id, Pull(node_id));
  EXPECT_EQ(instruction.content(), Content(7));
  Answer(node_id, Message::ReplyTo(instruction, Content(8), now_));
  const auto replies = grid->PullMessages({&id, 1}, std::chrono::seconds(0));

  ASSERT_THAT(replies, IsOk());
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_EQ(replies->front().metadata().reply_to_message_id, id);
  EXPECT_EQ(replies->front().metadata().src_node_id, node_id);
  EXPECT_EQ(replies->front().content(), Content(8));
}

TEST_P(FleetReplyTest, AnErrorReplyNeedsNoObjectButItsOwn) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message instruction = Fetch(node_id, Pull(node_id));

  Answer(node_id, Message::ErrorReplyTo(instruction, {2, "it raised"}, now_));
  const auto replies = grid->PullMessages({&id, 1}, std::chrono::seconds(0));

  ASSERT_THAT(replies, IsOk());
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_EQ(replies->front().error(), (Error{2, "it raised"}));
}

TEST_P(FleetReplyTest, NobodySeesAReplyBeforeItsLastObjectHasArrived) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const DeflatedMessage deflated = Deflate(reply);
  const auto announced = service_->PushMessages(node_id, PushRequest(reply, deflated));
  ASSERT_THAT(announced, IsOk());
  const std::vector<Object> objects = ObjectsOf(deflated);
  ASSERT_EQ(announced->objects_to_push_size(), static_cast<int>(objects.size()));

  for (std::size_t i = 0; i < objects.size(); ++i) {
    EXPECT_TRUE(grid->PullMessages({&id, 1}, std::chrono::seconds(0))->empty());
    EXPECT_TRUE(service_
                    ->PushObject(grid->run_id(), objects[i].id, announced->session_id(),
                                 Bytes(BytesOf(objects[i])))
                    ->stored());
  }

  EXPECT_EQ(grid->PullMessages({&id, 1}, std::chrono::seconds(0))->size(), 1u);
}

TEST_P(FleetReplyTest, AnAnnouncementCanBeRepeatedAndListsWhatIsMissing) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const DeflatedMessage deflated = Deflate(reply);
  const auto first = service_->PushMessages(node_id, PushRequest(reply, deflated));
  ASSERT_THAT(first, IsOk());
  const Object object = ObjectsOf(deflated).front();
  ASSERT_TRUE(
      service_->PushObject(grid->run_id(), object.id, first->session_id(), Bytes(BytesOf(object)))
          ->stored());

  const auto second = service_->PushMessages(node_id, PushRequest(reply, deflated));

  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->objects_to_push_size(), first->objects_to_push_size() - 1);
  EXPECT_NE(second->session_id(), first->session_id());
  EXPECT_EQ(second->results().at(deflated.root.id), 0u);
}

TEST_P(FleetReplyTest, OlderNodesPushObjectsWithoutASession) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const DeflatedMessage deflated = Deflate(reply);
  ASSERT_THAT(service_->PushMessages(node_id, PushRequest(reply, deflated)), IsOk());

  for (const Object& object : ObjectsOf(deflated)) {
    EXPECT_TRUE(
        service_->PushObject(grid->run_id(), object.id, "", Bytes(BytesOf(object)))->stored());
  }

  EXPECT_EQ(grid->PullMessages({&id, 1}, std::chrono::seconds(0))->size(), 1u);
}

TEST_P(FleetReplyTest, DoesNotStoreAnObjectThatIsNotWhatItSays) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const DeflatedMessage deflated = Deflate(reply);
  const auto announced = service_->PushMessages(node_id, PushRequest(reply, deflated));
  ASSERT_THAT(announced, IsOk());
  const std::vector<Object> objects = ObjectsOf(deflated);
  std::string changed = BytesOf(objects[0]);
  changed.back() ^= 1;

  for (const std::string& bytes : {changed, std::string(), BytesOf(objects[1])}) {
    const auto pushed =
        service_->PushObject(grid->run_id(), objects[0].id, announced->session_id(), Bytes(bytes));
    ASSERT_THAT(pushed, IsOk());
    EXPECT_FALSE(pushed->stored());
  }
  EXPECT_FALSE(
      service_
          ->PushObject(grid->run_id(), objects[0].id, "no such session", Bytes(BytesOf(objects[0])))
          ->stored());
}

TEST_P(FleetReplyTest, ABrokenUploadIsDroppedAndMayBeBegunAgain) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const DeflatedMessage deflated = Deflate(reply);
  const auto announced = service_->PushMessages(node_id, PushRequest(reply, deflated));
  ASSERT_THAT(announced, IsOk());

  now_ += kPushSessionLifetime + 1;
  ASSERT_TRUE(Heartbeat(node_id, 30)->success());
  const Object object = ObjectsOf(deflated).front();
  EXPECT_FALSE(
      service_
          ->PushObject(grid->run_id(), object.id, announced->session_id(), Bytes(BytesOf(object)))
          ->stored());
  Answer(node_id, reply);

  EXPECT_EQ(grid->PullMessages({&id, 1}, std::chrono::seconds(0))->size(), 1u);
}

TEST_P(FleetReplyTest, AReplyAnnouncedAgainWhileItsOldUploadExpiresIsKept) {
  const auto store = std::make_shared<HookedStore>(state_.object_store);
  const State hooked{state_.link_state, store, state_.run_archive};
  MessageExchange exchange(hooked, *notifier_, [this] { return now_; });
  FleetService service(hooked, *notifier_, exchange,
                       {.enable_supernode_auth = false, .clock = [this] { return now_; }});
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const DeflatedMessage deflated = Deflate(reply);
  ASSERT_THAT(service.PushMessages(node_id, PushRequest(reply, deflated)), IsOk());
  now_ += kPushSessionLifetime + 1;
  ASSERT_TRUE(Heartbeat(node_id, 30)->success());

  std::future<StatusOr<flwr::proto::PushMessagesResponse>> again;
  store->after_expiry = [&] {
    again = std::async(std::launch::async,
                       [&] { return service.PushMessages(node_id, PushRequest(reply, deflated)); });
    // Either it gets ahead here, or it waits for the expiry to end.
    again.wait_for(std::chrono::milliseconds(200));
  };
  ASSERT_THAT(exchange.ExpireSessions(), IsOk());
  const auto announced = again.get();

  ASSERT_THAT(announced, IsOk());
  for (const Object& object : ObjectsOf(deflated)) {
    EXPECT_TRUE(
        service
            .PushObject(grid->run_id(), object.id, announced->session_id(), Bytes(BytesOf(object)))
            ->stored());
  }
  EXPECT_EQ(grid->PullMessages({&id, 1}, std::chrono::seconds(0))->size(), 1u);
}

TEST_P(FleetReplyTest, ARefusedReplyIsAnsweredByAnEmptyListOfObjects) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  const Message instruction = Fetch(node_id, Pull(node_id));
  Message to_unknown = Message::ReplyTo(instruction, Content(5), now_);
  to_unknown.metadata().reply_to_message_id = std::string(64, 'a');
  Message too_long = Message::ReplyTo(instruction, Content(5), now_);
  too_long.metadata().ttl += 10;

  for (const Message& reply : {to_unknown, too_long}) {
    const auto response = service_->PushMessages(node_id, PushRequest(reply, Deflate(reply)));

    ASSERT_THAT(response, IsOk());
    EXPECT_EQ(response->objects_to_push_size(), 0);
    EXPECT_EQ(response->results_size(), 1);
    EXPECT_FALSE(response->session_id().empty());
  }
}

TEST_P(FleetReplyTest, RefusesPushesThatMakeNoSense) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const flwr::proto::PushMessagesRequest good = PushRequest(reply, Deflate(reply));

  EXPECT_THAT(service_->PushMessages(node_id, {}), StatusIs(StatusCode::kInvalidArgument));
  auto bad = good;
  bad.clear_message_object_trees();
  EXPECT_THAT(service_->PushMessages(node_id, bad), StatusIs(StatusCode::kInvalidArgument));
  bad = good;
  bad.mutable_messages_list(0)->clear_content();
  EXPECT_THAT(service_->PushMessages(node_id, bad),
              StatusIs(StatusCode::kInvalidArgument, "neither"));
  bad = good;
  bad.mutable_messages_list(0)->mutable_error()->set_code(1);
  EXPECT_THAT(service_->PushMessages(node_id, bad), StatusIs(StatusCode::kInvalidArgument, "both"));
  bad = good;
  bad.mutable_messages_list(0)->mutable_metadata()->set_message_type("trian");
  EXPECT_THAT(service_->PushMessages(node_id, bad),
              StatusIs(StatusCode::kInvalidArgument, "trian"));
  bad = good;
  bad.mutable_message_object_trees(0)->set_object_id(std::string(64, 'b'));
  EXPECT_THAT(service_->PushMessages(node_id, bad), StatusIs(StatusCode::kInvalidArgument));
  bad = good;
  bad.mutable_message_object_trees(0)->mutable_children(0)->set_object_id("short");
  EXPECT_THAT(service_->PushMessages(node_id, bad), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_GT(service_->PushMessages(node_id, good)->objects_to_push_size(), 0);
}

FLWRCPP_FOR_BOTH_STATES(FleetReplyTest);

}  // namespace
}  // namespace flwrcpp::internal
