// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "flwr/proto/fleet.grpc.pb.h"
#include "records/object.h"
#include "records/wire.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"
#include "tests/unit/server/fleet_peer.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using nlohmann::json;

constexpr std::chrono::seconds kPatience{20};

class FleetGrpcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SuperLinkOptions options = TestOptions();
    options.pull_wait = std::chrono::seconds(25);
    Restart(options);
  }

  void Restart(SuperLinkOptions options) {
    superlink_.reset();
    options.http_port.reset();
    options.grpc_port = 0;
    StatusOr<std::unique_ptr<SuperLink>> started = SuperLink::Start(options);
    ASSERT_THAT(started, IsOk());
    superlink_ = *std::move(started);
    Connect(options.insecure ? grpc::InsecureChannelCredentials()
                             : grpc::SslCredentials({options.ssl_certificate, "", ""}));
  }

  void Connect(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = flwr::proto::Fleet::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(superlink_->grpc_port()), credentials, arguments));
  }

  static void Sign(grpc::ClientContext& context, const NodeCredentials& credentials) {
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    if (!credentials.public_pem.empty()) {
      context.AddMetadata("flwr-public-key-bin", credentials.public_pem);
    }
    context.AddMetadata("flwr-timestamp", credentials.timestamp);
    context.AddMetadata("flwr-signature-bin", credentials.signature);
  }
  void Sign(grpc::ClientContext& context) { Sign(context, SignNow(key_, UnixSeconds())); }

  std::uint64_t Join() {
    flwr::proto::RegisterNodeFleetRequest registration;
    registration.set_public_key(key_.public_pem());
    flwr::proto::RegisterNodeFleetResponse registered;
    grpc::ClientContext registering;
    Sign(registering);
    EXPECT_TRUE(stub_->RegisterNode(&registering, registration, &registered).ok());
    flwr::proto::ActivateNodeRequest activation;
    activation.set_public_key(key_.public_pem());
    activation.set_heartbeat_interval(30);
    flwr::proto::ActivateNodeResponse activated;
    grpc::ClientContext activating;
    Sign(activating);
    EXPECT_TRUE(stub_->ActivateNode(&activating, activation, &activated).ok());
    EXPECT_EQ(activated.node_id(), registered.node_id());
    return activated.node_id();
  }

  grpc::Status Pull(grpc::ClientContext& context, std::uint64_t node_id,
                    flwr::proto::PullMessagesResponse& response) {
    flwr::proto::PullMessagesRequest request;
    request.mutable_node()->set_node_id(node_id);
    return stub_->PullMessages(&context, request, &response);
  }

  const EcPrivateKey key_ = EcPrivateKey::Generate();
  std::unique_ptr<SuperLink> superlink_;
  std::unique_ptr<flwr::proto::Fleet::Stub> stub_;
};

TEST_F(FleetGrpcTest, AParkedPullIsAnsweredWhenAnInstructionComesAndItsObjectsFollow) {
  const std::uint64_t node_id = Join();
  const auto grid = superlink_->StartRun({});
  ASSERT_THAT(grid, IsOk());
  StatusOr<std::vector<std::string>> ids;
  std::thread sending([&] { ids = (*grid)->PushMessages({TestInstruction(node_id)}); });

  flwr::proto::PullMessagesResponse pulled;
  grpc::ClientContext pulling;
  Sign(pulling);
  const grpc::Status status = Pull(pulling, node_id, pulled);
  sending.join();

  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_THAT(ids, IsOk());
  ASSERT_EQ(pulled.messages_list_size(), 1);
  EXPECT_EQ(pulled.messages_list(0).metadata().message_id(), ids->front());
  const auto instruction = Inflate(ids->front(), [&](const std::string& id) -> StatusOr<Object> {
    flwr::proto::PullObjectRequest request;
    request.mutable_node()->set_node_id(node_id);
    request.set_run_id((*grid)->run_id());
    request.set_object_id(id);
    flwr::proto::PullObjectResponse response;
    grpc::ClientContext context;
    Sign(context);
    EXPECT_TRUE(stub_->PullObject(&context, request, &response).ok());
    EXPECT_TRUE(response.object_found() && response.object_available());
    return CheckObject(id, Bytes(response.object_content()));
  });
  ASSERT_THAT(instruction, IsOk());
  EXPECT_EQ(instruction->content(), TestInstruction(node_id).content());

  const Message reply = Message::ReplyTo(*instruction, instruction->content());
  const DeflatedMessage deflated = Deflate(reply);
  Message stamped = reply;
  stamped.metadata().message_id = deflated.root.id;
  flwr::proto::PushMessagesRequest push;
  push.mutable_node()->set_node_id(node_id);
  ToStub(stamped, *push.add_messages_list());
  ToProto(deflated.tree, *push.add_message_object_trees());
  flwr::proto::PushMessagesResponse announced;
  grpc::ClientContext announcing;
  Sign(announcing);
  ASSERT_TRUE(stub_->PushMessages(&announcing, push, &announced).ok());
  std::vector<Object> objects = deflated.content->objects;
  objects.push_back(deflated.root);
  for (const Object& object : objects) {
    flwr::proto::PushObjectRequest request;
    request.mutable_node()->set_node_id(node_id);
    request.set_run_id((*grid)->run_id());
    request.set_object_id(object.id);
    request.set_session_id(announced.session_id());
    request.set_object_content(std::string(object.head.view()) + std::string(object.body.view()));
    flwr::proto::PushObjectResponse response;
    grpc::ClientContext context;
    Sign(context);
    ASSERT_TRUE(stub_->PushObject(&context, request, &response).ok());
  }
  const auto replies = (*grid)->PullMessages(*ids, kPatience);
  ASSERT_THAT(replies, IsOk());
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_TRUE(replies->front().has_content());
}

TEST_F(FleetGrpcTest, ACancelledPullLosesNothing) {
  const std::uint64_t node_id = Join();
  const auto grid = superlink_->StartRun({});
  ASSERT_THAT(grid, IsOk());
  grpc::ClientContext given_up;
  Sign(given_up);
  std::thread pulling([&] {
    flwr::proto::PullMessagesResponse response;
    EXPECT_FALSE(Pull(given_up, node_id, response).ok());
  });
  given_up.TryCancel();
  pulling.join();
  // Over the same connection, so that the SuperLink has read of the cancellation when it answers.
  flwr::proto::SendNodeHeartbeatRequest heartbeat;
  heartbeat.mutable_node()->set_node_id(node_id);
  heartbeat.set_heartbeat_interval(30);
  flwr::proto::SendNodeHeartbeatResponse alive;
  grpc::ClientContext beating;
  Sign(beating);
  ASSERT_TRUE(stub_->SendNodeHeartbeat(&beating, heartbeat, &alive).ok());
  const auto ids = (*grid)->PushMessages({TestInstruction(node_id)});
  ASSERT_THAT(ids, IsOk());

  flwr::proto::PullMessagesResponse response;
  grpc::ClientContext context;
  Sign(context);
  ASSERT_TRUE(Pull(context, node_id, response).ok());

  ASSERT_EQ(response.messages_list_size(), 1);
  EXPECT_EQ(response.messages_list(0).metadata().message_id(), ids->front());
}

TEST_F(FleetGrpcTest, RefusesInStocksWordsWhoeverDoesNotProveWhoHeIs) {
  const std::uint64_t node_id = Join();
  const NodeCredentials good = SignNow(key_, UnixSeconds());
  NodeCredentials unsigned_call = good;
  unsigned_call.public_pem.clear();
  NodeCredentials changed = good;
  changed.timestamp = FormatTimestamp(UnixSeconds() - 1);
  NodeCredentials naive;
  naive.public_pem = good.public_pem;
  naive.timestamp = "2026-01-31T12:00:00";
  naive.signature = key_.Sign(naive.timestamp);
  const std::pair<NodeCredentials, std::string> kCases[] = {
      {unsigned_call, "Missing authentication metadata"},
      {changed, "Invalid signature"},
      {SignNow(key_, UnixSeconds() - 400), "Invalid timestamp"},
      {naive, "Invalid timestamp"},
      {SignNow(EcPrivateKey::Generate(), UnixSeconds()), "Invalid node ID"},
  };
  for (const auto& [credentials, text] : kCases) {
    SCOPED_TRACE(text);
    grpc::ClientContext context;
    Sign(context, credentials);
    flwr::proto::PullMessagesResponse response;
    const grpc::Status status = Pull(context, node_id, response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(status.error_message(), text);
  }
}

TEST_F(FleetGrpcTest, RefusalsCarryTheNumberOfTheCatalogueAsJson) {
  const std::uint64_t node_id = Join();
  flwr::proto::GetRunRequest request;
  request.mutable_node()->set_node_id(node_id);
  request.set_run_id(12345);
  flwr::proto::GetRunResponse response;
  grpc::ClientContext context;
  Sign(context);

  const grpc::Status status = stub_->GetRun(&context, request, &response);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(json::parse(status.error_message())["code"], 2008);
}

TEST_F(FleetGrpcTest, DoesNotRegisterAKeyThatDidNotSign) {
  flwr::proto::RegisterNodeFleetRequest request;
  request.set_public_key(EcPrivateKey::Generate().public_pem());
  flwr::proto::RegisterNodeFleetResponse response;
  grpc::ClientContext context;
  Sign(context);

  EXPECT_EQ(stub_->RegisterNode(&context, request, &response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(FleetGrpcTest, RefusesRequestsThatAreTooLarge) {
  SuperLinkOptions options = TestOptions();
  options.max_request_bytes = 10'000;
  Restart(options);
  flwr::proto::PushObjectRequest request;
  request.set_object_content(std::string(20'000, 'x'));
  flwr::proto::PushObjectResponse response;
  grpc::ClientContext context;
  Sign(context);

  EXPECT_EQ(stub_->PushObject(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(FleetGrpcTest, CallsOfOlderNodesAreUnimplemented) {
  const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(superlink_->grpc_port()),
                                           grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::CompletionQueue queue;
  const auto call =
      stub.PrepareUnaryCall(&context, "/flwr.proto.Fleet/PullTaskIns", grpc::ByteBuffer(), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, &queue);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(FleetGrpcTest, StoppingAnswersParkedPulls) {
  const std::uint64_t node_id = Join();
  grpc::ClientContext context;
  Sign(context);
  flwr::proto::PullMessagesResponse response;
  std::thread pulling([&] { Pull(context, node_id, response); });

  superlink_->Stop();

  pulling.join();
  EXPECT_EQ(response.messages_list_size(), 0);
}

TEST_F(FleetGrpcTest, SpeaksTls) {
  const auto certificate = flwrcpp::testing::MakeTestCertificate();
  SuperLinkOptions options = TestOptions();
  options.insecure = false;
  options.ssl_certificate = certificate.certificate;
  options.ssl_private_key = certificate.private_key;
  Restart(options);

  EXPECT_NE(Join(), 0u);
}

}  // namespace
}  // namespace flwrcpp::internal
