// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/fleet_service.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

class FleetServiceTest : public FleetFixture {
 protected:
  StatusOr<flwr::proto::ActivateNodeResponse> Activate(const std::string& key, double interval) {
    flwr::proto::ActivateNodeRequest request;
    request.set_public_key(key);
    request.set_heartbeat_interval(interval);
    return service_->ActivateNode(request);
  }
  RunInfo Run(const LocalGrid& grid) { return *state_.link_state->GetRun(grid.run_id()); }
};

TEST_P(FleetServiceTest, ANodeRegistersOnceActivatesAndLeaves) {
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key("key");
  const auto registered = service_->RegisterNode(registration);
  ASSERT_THAT(registered, IsOk());
  const std::uint64_t node_id = registered->node_id();

  EXPECT_THAT(service_->RegisterNode(registration), IsApiError(ApiErrorCode::kPublicKeyInUse));
  EXPECT_THAT(service_->DeactivateNode(node_id), IsApiError(ApiErrorCode::kDeactivationFailed));
  const auto activated = Activate("key", 30);
  ASSERT_THAT(activated, IsOk());
  EXPECT_EQ(activated->node_id(), node_id);
  EXPECT_THAT(Activate("key", 30), IsApiError(ApiErrorCode::kActivationFailed));
  EXPECT_THAT(service_->DeactivateNode(node_id), IsOk());
  EXPECT_THAT(service_->UnregisterNode(node_id), IsOk());
  EXPECT_THAT(service_->UnregisterNode(node_id), IsApiError(ApiErrorCode::kUnregistrationFailed));
  EXPECT_THAT(service_->RegisterNode(registration), IsApiError(ApiErrorCode::kPublicKeyInUse));
  EXPECT_THAT(Activate("key", 30), IsApiError(ApiErrorCode::kActivationFailed));
}

TEST_P(FleetServiceTest, NodesDoNotRegisterThemselvesWhereTheirKeysAreRegisteredBeforehand) {
  FleetService strict(state_, *notifier_, *exchange_,
                      {.enable_supernode_auth = true, .clock = [this] { return now_; }});
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key("key");

  EXPECT_THAT(strict.RegisterNode(registration), IsApiError(ApiErrorCode::kRegistrationDisabled));
  EXPECT_THAT(strict.UnregisterNode(1), IsApiError(ApiErrorCode::kUnregistrationDisabled));
  EXPECT_THAT(strict.FindNode("key"), StatusIs(StatusCode::kNotFound));
}

TEST_P(FleetServiceTest, RefusesHeartbeatIntervalsOutOfBounds) {
  const std::uint64_t node_id = OnlineNode("key");
  const std::uint64_t other = OnlineNode("other");
  ASSERT_THAT(service_->DeactivateNode(other), IsOk());
  for (const double interval :
       {9.9, 1800.1, 0.0, -30.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    SCOPED_TRACE(interval);
    EXPECT_THAT(Heartbeat(node_id, interval), IsApiError(ApiErrorCode::kInvalidHeartbeatInterval));
    EXPECT_THAT(Activate("other", interval), IsApiError(ApiErrorCode::kInvalidHeartbeatInterval));
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

TEST_P(FleetServiceTest, AReturnedInstructionThatArrivedAllTheSameIsNotHandedOutAgain) {
  const std::uint64_t node_id = OnlineNode("key");
  const auto grid = StartRun();
  Send(*grid, Train(node_id));
  const auto pulled = service_->PullMessages(node_id, {});
  ASSERT_THAT(pulled, IsOk());
  service_->ReturnInstruction(node_id, pulled->message_id);

  EXPECT_EQ(Fetch(node_id, pulled->response).content(), Content(1));

  EXPECT_EQ(Pull(node_id).messages_list_size(), 0);
}

TEST_P(FleetServiceTest, RedeliversWhatNoNodeConfirmed) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const std::uint64_t third = OnlineNode("third");
  const auto grid = StartRun();
  const std::string lost = Send(*grid, Train(first));
  Send(*grid, Train(second));
  Send(*grid, Train(third));
  ASSERT_EQ(Pull(first).messages_list_size(), 1);
  const Message arrived = Fetch(second, Pull(second));
  Answer(third, Message::ReplyTo(Fetch(third, Pull(third)), Content(3), now_));

  ASSERT_THAT(exchange_->Redeliver(), IsOk());

  const auto again = Pull(first);
  ASSERT_EQ(again.messages_list_size(), 1);
  EXPECT_EQ(again.messages_list(0).metadata().message_id(), lost);
  EXPECT_EQ(Pull(second).messages_list_size(), 0);
  EXPECT_EQ(Pull(third).messages_list_size(), 0);
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
  const auto kNotRunning = IsApiError(ApiErrorCode::kRunStatusNotAllowed);

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
  EXPECT_THAT(service_->GetRun(get), IsApiError(ApiErrorCode::kGetRunFailed));
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
  EXPECT_THAT(service_->GetFab(fab), IsApiError(ApiErrorCode::kGetFabFailed));
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
