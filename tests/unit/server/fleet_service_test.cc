// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/fleet_service.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <future>
#include <limits>
#include <utility>

#include "records/wire.h"
#include "superlink/fleet_error.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

MATCHER_P(IsFleetError, code, "is Fleet error " + std::to_string(static_cast<int>(code))) {
  const Status& status = flwrcpp::testing::GetStatus(arg);
  *result_listener << "whose status is " << status.ToString();
  return FleetErrorCodeOf(status) == code;
}

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
  StatusOr<PutResult> Put(std::uint64_t run_id, const std::string& session_id,
                          const Object& object, double now) override {
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

class FleetServiceTest : public FleetFixture {
 protected:
  StatusOr<flwr::proto::ActivateNodeResponse> Activate(const std::string& key, double interval) {
    flwr::proto::ActivateNodeRequest request;
    request.set_public_key(key);
    request.set_heartbeat_interval(interval);
    return service_->ActivateNode(request);
  }
  StatusOr<flwr::proto::SendNodeHeartbeatResponse> Heartbeat(std::uint64_t node_id,
                                                             double interval) {
    flwr::proto::SendNodeHeartbeatRequest request;
    request.set_heartbeat_interval(interval);
    return service_->SendNodeHeartbeat(node_id, request);
  }
  RunInfo Run(const LocalGrid& grid) { return *state_.link_state->GetRun(grid.run_id()); }
};

TEST_P(FleetServiceTest, ANodeRegistersOnceActivatesAndLeaves) {
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key("key");
  const auto registered = service_->RegisterNode(registration);
  ASSERT_THAT(registered, IsOk());
  const std::uint64_t node_id = registered->node_id();

  EXPECT_THAT(service_->RegisterNode(registration), IsFleetError(FleetErrorCode::kPublicKeyInUse));
  EXPECT_THAT(service_->DeactivateNode(node_id),
              IsFleetError(FleetErrorCode::kDeactivationFailed));
  const auto activated = Activate("key", 30);
  ASSERT_THAT(activated, IsOk());
  EXPECT_EQ(activated->node_id(), node_id);
  EXPECT_THAT(Activate("key", 30), IsFleetError(FleetErrorCode::kActivationFailed));
  EXPECT_THAT(service_->DeactivateNode(node_id), IsOk());
  EXPECT_THAT(service_->UnregisterNode(node_id), IsOk());
  EXPECT_THAT(service_->UnregisterNode(node_id),
              IsFleetError(FleetErrorCode::kUnregistrationFailed));
  EXPECT_THAT(service_->RegisterNode(registration), IsFleetError(FleetErrorCode::kPublicKeyInUse));
  EXPECT_THAT(Activate("key", 30), IsFleetError(FleetErrorCode::kActivationFailed));
}

TEST_P(FleetServiceTest, NodesDoNotRegisterThemselvesWhereTheirKeysAreRegisteredBeforehand) {
  FleetService strict(state_, *notifier_,
                      {.enable_supernode_auth = true, .clock = [this] { return now_; }});
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key("key");

  EXPECT_THAT(strict.RegisterNode(registration),
              IsFleetError(FleetErrorCode::kRegistrationDisabled));
  EXPECT_THAT(strict.UnregisterNode(1), IsFleetError(FleetErrorCode::kUnregistrationDisabled));
  EXPECT_THAT(strict.FindNode("key"), StatusIs(StatusCode::kNotFound));
}

TEST_P(FleetServiceTest, RefusesHeartbeatIntervalsOutOfBounds) {
  const std::uint64_t node_id = OnlineNode("key");
  const std::uint64_t other = OnlineNode("other");
  ASSERT_THAT(service_->DeactivateNode(other), IsOk());
  for (const double interval : {9.9, 1800.1, 0.0, -30.0, std::nan(""),
                                std::numeric_limits<double>::infinity()}) {
    SCOPED_TRACE(interval);
    EXPECT_THAT(Heartbeat(node_id, interval),
                IsFleetError(FleetErrorCode::kInvalidHeartbeatInterval));
    EXPECT_THAT(Activate("other", interval),
                IsFleetError(FleetErrorCode::kInvalidHeartbeatInterval));
  }
}

TEST_P(FleetServiceTest, AHeartbeatKeepsANodeOnlineAndBringsItBack) {
  const std::uint64_t node_id = OnlineNode("key");
  now_ += 59;
  EXPECT_TRUE(Heartbeat(node_id, 10)->success());
  now_ += 21;
  EXPECT_TRUE(state_.link_state->OnlineNodes(now_)->empty());

  EXPECT_TRUE(Heartbeat(node_id, 10)->success());

  EXPECT_EQ(state_.link_state->OnlineNodes(now_)->size(), 1u);
  EXPECT_FALSE(Heartbeat(node_id + 1, 10)->success());
}

TEST_P(FleetServiceTest, HandsOutEachInstructionOnceOldestFirst) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string first = Send(*grid, Train(node_id, 1));
  const std::string second = Send(*grid, Train(node_id, 2));

  const auto pulled = Pull(node_id);

  ASSERT_EQ(pulled.messages_list_size(), 1);
  ASSERT_EQ(pulled.message_object_trees_size(), 1);
  EXPECT_FALSE(pulled.has_reconnect());
  const flwr::proto::Message& stub = pulled.messages_list(0);
  EXPECT_EQ(stub.metadata().message_id(), first);
  EXPECT_EQ(stub.metadata().src_node_id(), 1u);
  EXPECT_EQ(stub.metadata().dst_node_id(), node_id);
  EXPECT_EQ(stub.metadata().run_id(), grid->run_id());
  EXPECT_TRUE(stub.has_content());
  EXPECT_EQ(stub.content().items_size(), 0);
  EXPECT_EQ(pulled.message_object_trees(0).object_id(), first);
  EXPECT_EQ(Pull(node_id).messages_list(0).metadata().message_id(), second);
  EXPECT_EQ(Pull(node_id).ByteSizeLong(), 0u);
}

TEST_P(FleetServiceTest, AReturnedInstructionIsHandedOutAgain) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  const auto pulled = service_->PullMessages(node_id, {});
  ASSERT_THAT(pulled, IsOk());
  ASSERT_FALSE(pulled->message_id.empty());

  service_->ReturnInstruction(node_id, pulled->message_id);

  EXPECT_EQ(Pull(node_id).messages_list_size(), 1);
}

TEST_P(FleetServiceTest, AMessageGoesToTheNodeAndItsReplyBack) {
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

TEST_P(FleetServiceTest, AnErrorReplyNeedsNoObjectButItsOwn) {
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

TEST_P(FleetServiceTest, NobodySeesAReplyBeforeItsLastObjectHasArrived) {
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

TEST_P(FleetServiceTest, AnAnnouncementCanBeRepeatedAndListsWhatIsMissing) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  const DeflatedMessage deflated = Deflate(reply);
  const auto first = service_->PushMessages(node_id, PushRequest(reply, deflated));
  ASSERT_THAT(first, IsOk());
  const Object object = ObjectsOf(deflated).front();
  ASSERT_TRUE(service_
                  ->PushObject(grid->run_id(), object.id, first->session_id(),
                               Bytes(BytesOf(object)))
                  ->stored());

  const auto second = service_->PushMessages(node_id, PushRequest(reply, deflated));

  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->objects_to_push_size(), first->objects_to_push_size() - 1);
  EXPECT_NE(second->session_id(), first->session_id());
  EXPECT_EQ(second->results().at(deflated.root.id), 0u);
}

TEST_P(FleetServiceTest, OlderNodesPushObjectsWithoutASession) {
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

TEST_P(FleetServiceTest, DoesNotStoreAnObjectThatIsNotWhatItSays) {
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
    const auto pushed = service_->PushObject(grid->run_id(), objects[0].id,
                                             announced->session_id(), Bytes(bytes));
    ASSERT_THAT(pushed, IsOk());
    EXPECT_FALSE(pushed->stored());
  }
  EXPECT_FALSE(service_
                   ->PushObject(grid->run_id(), objects[0].id, "no such session",
                                Bytes(BytesOf(objects[0])))
                   ->stored());
}

TEST_P(FleetServiceTest, ABrokenUploadIsDroppedAndMayBeBegunAgain) {
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
  EXPECT_FALSE(service_
                   ->PushObject(grid->run_id(), object.id, announced->session_id(),
                                Bytes(BytesOf(object)))
                   ->stored());
  Answer(node_id, reply);

  EXPECT_EQ(grid->PullMessages({&id, 1}, std::chrono::seconds(0))->size(), 1u);
}

TEST_P(FleetServiceTest, AReplyAnnouncedAgainWhileItsOldUploadExpiresIsKept) {
  const auto store = std::make_shared<HookedStore>(state_.object_store);
  FleetService service({state_.link_state, store}, *notifier_,
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
    again = std::async(std::launch::async, [&] {
      return service.PushMessages(node_id, PushRequest(reply, deflated));
    });
    // Either it gets ahead here, or it waits for the expiry to end.
    again.wait_for(std::chrono::milliseconds(200));
  };
  ASSERT_THAT(service.ExpireSessions(), IsOk());
  const auto announced = again.get();

  ASSERT_THAT(announced, IsOk());
  for (const Object& object : ObjectsOf(deflated)) {
    EXPECT_TRUE(service
                    .PushObject(grid->run_id(), object.id, announced->session_id(),
                                Bytes(BytesOf(object)))
                    ->stored());
  }
  EXPECT_EQ(grid->PullMessages({&id, 1}, std::chrono::seconds(0))->size(), 1u);
}

TEST_P(FleetServiceTest, ARefusedReplyIsAnsweredByAnEmptyListOfObjects) {
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

TEST_P(FleetServiceTest, RefusesPushesThatMakeNoSense) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  const Message reply =
      Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
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

TEST_P(FleetServiceTest, ANodePushesAndConfirmsOnlyItsOwn) {
  const std::uint64_t node_id = OnlineNode("key");
  const std::uint64_t thief = OnlineNode("thief");
  const auto grid = StartRun();
  const std::string id = Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Train(node_id), Content(5), now_);
  flwr::proto::ConfirmMessageReceivedRequest confirmation;
  confirmation.set_run_id(grid->run_id());
  confirmation.set_message_object_id(id);

  EXPECT_THAT(service_->PushMessages(thief, PushRequest(reply, Deflate(reply))),
              StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(service_->ConfirmMessageReceived(thief, confirmation),
              StatusIs(StatusCode::kPermissionDenied));

  EXPECT_EQ(Fetch(node_id, Pull(node_id)).content(), Content(1));
}

TEST_P(FleetServiceTest, ConfirmingAMessageLeavesWhatOthersShare) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const auto grid = StartRun();
  const auto content = std::make_shared<const RecordDict>(Content(3));
  const auto ids = grid->PushMessages({Message::Instruction(content, first, "train"),
                                       Message::Instruction(content, second, "train")});
  ASSERT_THAT(ids, IsOk());

  EXPECT_EQ(Fetch(first, Pull(first)).content(), *content);
  EXPECT_EQ(Fetch(second, Pull(second)).content(), *content);

  flwr::proto::PullObjectRequest request;
  request.set_run_id(grid->run_id());
  request.set_object_id(Deflate(*content).tree.id);
  EXPECT_EQ(service_->PullObject(request)->state, ObjectState::kNotFound);
}

TEST_P(FleetServiceTest, CallsAboutARunNeedOneThatRuns) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  const std::uint64_t finished = grid->run_id();
  Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  ASSERT_THAT(state_.link_state->FinishRun(finished, "completed", "", now_), IsOk());
  const auto kNotRunning = IsFleetError(FleetErrorCode::kRunStatusNotAllowed);

  for (const std::uint64_t run_id : {finished, finished + 1}) {
    SCOPED_TRACE(run_id);
    Message to_run = reply;
    to_run.metadata().run_id = run_id;
    EXPECT_THAT(service_->PushMessages(node_id, PushRequest(to_run, Deflate(to_run))), kNotRunning);
    EXPECT_THAT(service_->PushObject(run_id, std::string(64, 'a'), "", Bytes()), kNotRunning);
    flwr::proto::PullObjectRequest pull;
    pull.set_run_id(run_id);
    EXPECT_THAT(service_->PullObject(pull), kNotRunning);
    flwr::proto::ConfirmMessageReceivedRequest confirm;
    confirm.set_run_id(run_id);
    EXPECT_THAT(service_->ConfirmMessageReceived(node_id, confirm), kNotRunning);
  }
  flwr::proto::GetRunRequest get;
  get.set_run_id(finished);
  EXPECT_THAT(service_->GetRun(get), kNotRunning);
  get.set_run_id(finished + 1);
  EXPECT_THAT(service_->GetRun(get), IsFleetError(FleetErrorCode::kGetRunFailed));
}

TEST_P(FleetServiceTest, TellsNodesOfARun) {
  const auto grid = StartRun();
  flwr::proto::GetRunRequest request;
  request.set_run_id(grid->run_id());

  const auto response = service_->GetRun(request);

  ASSERT_THAT(response, IsOk());
  const flwr::proto::Run& run = response->run();
  EXPECT_EQ(run.run_id(), grid->run_id());
  EXPECT_EQ(run.status().status(), "running");
  EXPECT_EQ(run.primary_task_type(), "flwr-serverapp");
  EXPECT_EQ(run.override_config().at("learning-rate").double_(), 0.5);
  EXPECT_NE(run.series_id(), 0u);
  EXPECT_FALSE(run.running_at().empty());
  EXPECT_TRUE(run.finished_at().empty());
  flwr::proto::GetFabRequest fab;
  fab.set_run_id(grid->run_id());
  EXPECT_THAT(service_->GetFab(fab), IsFleetError(FleetErrorCode::kGetFabFailed));
}

TEST_P(FleetServiceTest, CountsTheTrafficOfARun) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  ASSERT_EQ(Run(*grid).bytes_sent, 0u);

  const auto pulled = Pull(node_id);
  EXPECT_EQ(Run(*grid).bytes_sent, pulled.ByteSizeLong());
  const Message reply = Message::ReplyTo(Fetch(node_id, pulled), Content(5), now_);
  const std::uint64_t sent = Run(*grid).bytes_sent;
  EXPECT_GT(sent, pulled.ByteSizeLong());
  const DeflatedMessage deflated = Deflate(reply);
  flwr::proto::PushMessagesRequest request = PushRequest(reply, deflated);
  request.add_clientapp_runtime_list(1.5);
  const auto announced = service_->PushMessages(node_id, request);
  ASSERT_THAT(announced, IsOk());
  EXPECT_EQ(Run(*grid).bytes_recv, request.ByteSizeLong());
  EXPECT_EQ(Run(*grid).bytes_sent, sent + announced->ByteSizeLong());
  EXPECT_EQ(Run(*grid).clientapp_runtime, 1.5);
  const Object object = ObjectsOf(deflated).front();
  ASSERT_THAT(service_->PushObject(grid->run_id(), object.id, announced->session_id(),
                                   Bytes(BytesOf(object))),
              IsOk());
  EXPECT_EQ(Run(*grid).bytes_recv, request.ByteSizeLong() + object.size());
}

TEST_P(FleetServiceTest, ARuntimeThatIsNoDurationIsNotCounted) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  const Message reply = Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(5), now_);
  for (const double seconds : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    flwr::proto::PushMessagesRequest request = PushRequest(reply, Deflate(reply));
    request.add_clientapp_runtime_list(seconds);
    EXPECT_THAT(service_->PushMessages(node_id, request), IsOk());
  }
  EXPECT_EQ(Run(*grid).clientapp_runtime, 0);
}

FLWRCPP_FOR_BOTH_STATES(FleetServiceTest);

}  // namespace
}  // namespace flwrcpp::internal
