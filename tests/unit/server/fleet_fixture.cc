// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/server/fleet_fixture.h"

#include <map>
#include <utility>

#include "internal/errors.h"
#include "records/wire.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {

using flwrcpp::testing::IsOk;

void FleetFixture::SetUp() {
  if (GetParam() == StateKind::kMemory) {
    state_ = MakeMemoryState();
  } else {
    StatusOr<State> opened = OpenSqliteState(directory_.File("state.db"));
    ASSERT_THAT(opened, IsOk());
    state_ = *std::move(opened);
  }
  shared_state_ = std::make_shared<const State>(state_);
  exchange_ = std::make_unique<MessageExchange>(state_, *notifier_, [this] { return now_; });
  service_ = std::make_unique<FleetService>(
      state_, *notifier_, *exchange_,
      FleetService::Options{.enable_supernode_auth = false, .clock = [this] { return now_; }});
}

std::uint64_t FleetFixture::OnlineNode(const std::string& key) {
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key(key);
  EXPECT_THAT(service_->RegisterNode(registration), IsOk());
  flwr::proto::ActivateNodeRequest activation;
  activation.set_public_key(key);
  activation.set_heartbeat_interval(30);
  const auto activated = service_->ActivateNode(activation);
  EXPECT_THAT(activated, IsOk());
  return activated->node_id();
}

std::shared_ptr<LocalGrid> FleetFixture::StartRun() {
  NewRun new_run;
  new_run.override_config.Set("learning-rate", 0.5);
  const StatusOr<RunInfo> run = state_.link_state->CreateRun(new_run, now_);
  EXPECT_THAT(run, IsOk());
  EXPECT_THAT(state_.link_state->MarkRunStarting(run->run_id, now_), IsOk());
  EXPECT_THAT(state_.link_state->MarkRunRunning(run->run_id, now_), IsOk());
  return std::make_shared<LocalGrid>(shared_state_, notifier_, *run, [this] { return now_; });
}

RecordDict FleetFixture::Content(float value, std::size_t floats) {
  const std::vector<float> values(floats, value);
  ArrayRecord arrays;
  arrays.Set("w", *Array::From(values, {static_cast<std::int64_t>(floats)}));
  ConfigRecord config;
  config.Set("server-round", std::int64_t{1});
  RecordDict content;
  content.Set("arrays", std::move(arrays));
  content.Set("config", std::move(config));
  return content;
}

Message FleetFixture::Train(std::uint64_t node_id, float value) {
  return Message::Instruction(std::make_shared<const RecordDict>(Content(value)), node_id, "train");
}

std::string FleetFixture::Send(LocalGrid& grid, Message message) {
  std::vector<Message> messages;
  messages.push_back(std::move(message));
  const auto ids = grid.PushMessages(std::move(messages));
  EXPECT_THAT(ids, IsOk());
  return ids->front();
}

flwr::proto::PullMessagesResponse FleetFixture::Pull(std::uint64_t node_id) {
  auto pulled = service_->PullMessages(node_id, {});
  EXPECT_THAT(pulled, IsOk());
  return std::move(pulled->response);
}

Message FleetFixture::Fetch(std::uint64_t node_id,
                            const flwr::proto::PullMessagesResponse& pulled) {
  const flwr::proto::Metadata& metadata = pulled.messages_list(0).metadata();
  const auto tree = FromProto(pulled.message_object_trees(0), 1000);
  EXPECT_THAT(tree, IsOk());
  std::map<std::string, Object> objects;
  for (const std::string& id : PostOrder(*tree)) {
    flwr::proto::PullObjectRequest request;
    request.set_run_id(metadata.run_id());
    request.set_object_id(id);
    const auto stored = service_->PullObject(request);
    EXPECT_THAT(stored, IsOk());
    EXPECT_EQ(stored->state, ObjectState::kAvailable);
    objects[id] = stored->object;
  }
  flwr::proto::ConfirmMessageReceivedRequest confirmation;
  confirmation.set_run_id(metadata.run_id());
  confirmation.set_message_object_id(metadata.message_id());
  EXPECT_THAT(service_->ConfirmMessageReceived(node_id, confirmation), IsOk());
  const auto message =
      Inflate(tree->id, [&](const std::string& id) -> StatusOr<Object> { return objects.at(id); });
  EXPECT_THAT(message, IsOk());
  return *message;
}

StatusOr<flwr::proto::SendNodeHeartbeatResponse> FleetFixture::Heartbeat(std::uint64_t node_id,
                                                                         double interval) {
  flwr::proto::SendNodeHeartbeatRequest request;
  request.set_heartbeat_interval(interval);
  return service_->SendNodeHeartbeat(node_id, request);
}

flwr::proto::PushMessagesRequest FleetFixture::PushRequest(const Message& reply,
                                                           const DeflatedMessage& deflated) {
  Message stamped = reply;
  stamped.metadata().message_id = deflated.root.id;
  flwr::proto::PushMessagesRequest request;
  ToStub(stamped, *request.add_messages_list());
  ToProto(deflated.tree, *request.add_message_object_trees());
  return request;
}

void FleetFixture::Answer(std::uint64_t node_id, Message reply) {
  const DeflatedMessage deflated = Deflate(reply);
  const auto response = service_->PushMessages(node_id, PushRequest(reply, deflated));
  ASSERT_THAT(response, IsOk());
  std::map<std::string, Object> objects;
  for (const Object& object : ObjectsOf(deflated)) objects[object.id] = object;
  for (const std::string& id : response->objects_to_push()) {
    const auto pushed = service_->PushObject(reply.metadata().run_id, id, response->session_id(),
                                             Bytes(BytesOf(objects.at(id))));
    ASSERT_THAT(pushed, IsOk());
    EXPECT_TRUE(pushed->stored());
  }
}

std::vector<Object> FleetFixture::ObjectsOf(const DeflatedMessage& deflated) {
  std::vector<Object> objects;
  if (deflated.content != nullptr) objects = deflated.content->objects;
  objects.push_back(deflated.root);
  return objects;
}

std::string FleetFixture::BytesOf(const Object& object) {
  return std::string(object.head.view()) + std::string(object.body.view());
}

}  // namespace flwrcpp::internal
