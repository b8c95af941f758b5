// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// SuperNodes of Flower before 1.23 at a SuperLink, and older ones that it turns away.

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <string>

#include "flwr/proto/heartbeat.pb.h"
#include "flwrcpp/proto/early_fleet.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_peer.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::seconds kPatience{20};

class FleetEarlyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SuperLinkOptions options = TestOptions();
    options.http_port.reset();
    options.grpc_port = 0;
    options.pull_wait = {};
    StatusOr<std::unique_ptr<SuperLink>> started = SuperLink::Start(options);
    ASSERT_THAT(started, IsOk());
    superlink_ = *std::move(started);
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(superlink_->grpc_port()),
                            grpc::InsecureChannelCredentials()));
  }

  grpc::Status Call(const std::string& name, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite& response, bool sign = true) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    if (sign) {
      const NodeCredentials credentials = SignNow(key_, UnixSeconds());
      context.AddMetadata("flwr-public-key-bin", credentials.public_pem);
      context.AddMetadata("flwr-timestamp", credentials.timestamp);
      context.AddMetadata("flwr-signature-bin", credentials.signature);
    }
    const grpc::Slice slice(request.SerializeAsString());
    grpc::CompletionQueue queue;
    grpc::ByteBuffer answer;
    grpc::Status status;
    const auto reader = stub_->PrepareUnaryCall(&context, "/flwr.proto.Fleet/" + name,
                                                grpc::ByteBuffer(&slice, 1), &queue);
    reader->StartCall();
    reader->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool good = false;
    queue.Next(&tag, &good);
    grpc::Slice whole;
    if (status.ok() && answer.DumpToSingleSlice(&whole).ok()) {
      response.ParseFromArray(whole.begin(), static_cast<int>(whole.size()));
    }
    return status;
  }

  std::uint64_t Create() {
    proto::CreateNodeRequest request;
    request.set_heartbeat_interval(30);
    proto::CreateNodeResponse response;
    const grpc::Status status = Call("CreateNode", request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.node().node_id();
  }

  /// A request that begins with the node, as most do.
  template <typename Request>
  Request Of(std::uint64_t node_id) {
    Request request;
    request.mutable_node()->set_node_id(node_id);
    return request;
  }

  const EcPrivateKey key_ = EcPrivateKey::Generate();
  std::unique_ptr<SuperLink> superlink_;
  std::unique_ptr<grpc::GenericStub> stub_;
  flwr::proto::PullMessagesResponse pulled_;
};

TEST_F(FleetEarlyTest, ANodeIsCreatedTakesPartAndIsDeleted) {
  const std::uint64_t node_id = Create();
  const auto grid = superlink_->StartRun({});
  ASSERT_THAT(grid, IsOk());
  EXPECT_THAT((*grid)->GetNodeIds().value(), ElementsAre(node_id));
  ASSERT_THAT((*grid)->PushMessages({TestInstruction(node_id)}), IsOk());
  const auto pull = Of<flwr::proto::PullMessagesRequest>(node_id);
  ASSERT_TRUE(Call("PullMessages", pull, pulled_).ok());
  ASSERT_EQ(pulled_.messages_list_size(), 1);

  auto asking = Of<flwr::proto::GetRunRequest>(node_id);
  asking.set_run_id((*grid)->run_id());
  flwr::proto::GetRunResponse run;
  ASSERT_TRUE(Call("GetRun", asking, run).ok());
  auto fetching = Of<flwr::proto::PullObjectRequest>(node_id);
  fetching.set_run_id((*grid)->run_id());
  fetching.set_object_id(pulled_.message_object_trees(0).object_id());
  flwr::proto::PullObjectResponse object;
  EXPECT_TRUE(Call("PullObject", fetching, object).ok());
  EXPECT_TRUE(object.object_available());

  proto::DeleteNodeResponse gone;
  EXPECT_TRUE(Call("DeleteNode", Of<proto::DeleteNodeRequest>(node_id), gone).ok());
  EXPECT_THAT((*grid)->GetNodeIds().value(), IsEmpty());
  EXPECT_EQ(Call("PullMessages", pull, pulled_).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(FleetEarlyTest, ANodeDeletesNoOther) {
  const std::uint64_t node_id = Create();
  proto::DeleteNodeResponse response;
  EXPECT_EQ(Call("DeleteNode", Of<proto::DeleteNodeRequest>(node_id + 1), response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(FleetEarlyTest, ANodeThatDoesNotSignIsToldWhichReleaseItNeeds) {
  proto::CreateNodeResponse response;
  const grpc::Status status = Call("CreateNode", proto::CreateNodeRequest(), response, false);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("1.20 or later"));
}

TEST_F(FleetEarlyTest, ANodeThatPingsIsRefusedFromThenOn) {
  const std::uint64_t node_id = Create();
  const auto pull = Of<flwr::proto::PullMessagesRequest>(node_id);
  ASSERT_TRUE(Call("PullMessages", pull, pulled_).ok());

  proto::DeleteNodeResponse response;
  const grpc::Status ping = Call("Ping", Of<proto::DeleteNodeRequest>(node_id), response);

  EXPECT_EQ(ping.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(ping.error_message(), HasSubstr("1.20 or later"));
  EXPECT_THAT(Call("PullMessages", pull, pulled_).error_message(), HasSubstr("1.20 or later"));
}

TEST_F(FleetEarlyTest, ANodeThatFetchesObjectsBeforeItAsksForTheRunIsRefused) {
  const std::uint64_t node_id = Create();
  const auto grid = superlink_->StartRun({});
  ASSERT_THAT(grid, IsOk());
  auto fetching = Of<flwr::proto::PullObjectRequest>(node_id);
  fetching.set_run_id((*grid)->run_id());
  fetching.set_object_id(std::string(64, '0'));

  flwr::proto::PullObjectResponse object;
  const grpc::Status status = Call("PullObject", fetching, object);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("1.20 or later"));
}

}  // namespace
}  // namespace flwrcpp::internal
