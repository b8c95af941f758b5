// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "flwr/proto/runtime.pb.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/server/runtime_http_fixture.h"
#include "tests/unit/server/signed_claim.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::RawHttpResponse;

constexpr const char* kCallsWithToken[] = {
    "send-task-heartbeat", "pull-task-input",         "push-task-output", "push-logs",
    "get-nodes",           "push-messages",           "pull-messages",    "push-object",
    "pull-object",         "confirm-message-received"};

TEST_F(RuntimeHttpTest, RefusesWhatIsNoProtobuf) {
  StartApp();
  for (const char* name : kCallsWithToken) {
    for (const char* lines : {"", "Content-Type: application/json\r\n"}) {
      const RawHttpResponse response = Call(name, "", lines);
      EXPECT_EQ(response.status, 415) << name;
      EXPECT_EQ(CodeOf(response), 1002);
    }
  }
  EXPECT_EQ(Call("acquire-task", "", "").status, 415);
  for (const char* name :
       {"acquire-task", "push-task-output", "push-logs", "push-messages", "pull-messages",
        "push-object", "pull-object", "confirm-message-received"}) {
    const RawHttpResponse response =
        Call(name, "\x0a\xff\xff\xff\xff\x0f", kProtobuf + TokenLine(token_));
    EXPECT_EQ(response.status, 400) << name;
    EXPECT_EQ(CodeOf(response), 1003);
  }
}

TEST_F(RuntimeHttpTest, RefusesCallsWithoutAValidToken) {
  StartApp();
  for (const char* name : kCallsWithToken) {
    for (const std::string& lines : {std::string(), TokenLine(""), TokenLine(std::string(256, 'a')),
                                     TokenLine(token_.substr(0, 255)), TokenLine(token_ + "0")}) {
      const RawHttpResponse response = Call(name, "", kProtobuf + lines);
      EXPECT_EQ(response.status, 401) << name;
      EXPECT_EQ(CodeOf(response), 1008);
    }
  }
  EXPECT_EQ(Call("get-nodes", "", kProtobuf + TokenLine(token_)).status, 200);
}

TEST_F(RuntimeHttpTest, WorksWithFlowerFrom140On) {
  const auto claim_by = [&](const std::string& name, const std::string& version,
                            const std::string& component) {
    std::string lines = kProtobuf;
    if (!name.empty()) lines += "flwr-package-name: " + name + "\r\n";
    if (!version.empty()) lines += "flwr-package-version: " + version + "\r\n";
    if (!component.empty()) lines += "flwr-component-name: " + component + "\r\n";
    const RawHttpResponse response = Call("acquire-task", "", lines);
    EXPECT_EQ(CodeOf(response), response.status == 200 ? 0 : 1001);
    return response.status;
  };
  EXPECT_EQ(claim_by("", "", ""), 200);
  for (const char* version : {"1.40.0", "1.41.1", "1.42.0", "1.43.0", "2.0.0"}) {
    EXPECT_EQ(claim_by("flwr", version, "SuperExec"), 200) << version;
  }
  EXPECT_EQ(claim_by("flwr-nightly", "1.43.0.dev20261101", "SuperExec"), 200);
  for (const char* version : {"1.39.0", "1.39.9", "0.42.0", "1", "1.", "x", "1.x", ".42"}) {
    EXPECT_EQ(claim_by("flwr", version, "SuperExec"), 412) << version;
  }
  EXPECT_EQ(claim_by("flwr-cpp", "1.42.0", "SuperExec"), 412);
  EXPECT_EQ(claim_by("", "1.42.0", "SuperExec"), 412);
  EXPECT_EQ(claim_by("flwr", "", "SuperExec"), 412);
  EXPECT_EQ(claim_by("flwr", "1.42.0", ""), 412);
  EXPECT_EQ(claim_by("", "", "SuperExec"), 412);
}

TEST_F(RuntimeHttpTest, WrongReleasesAreToldSoBeforeTheirToken) {
  const RawHttpResponse response =
      Call("get-nodes", "",
           std::string(kProtobuf) + TokenLine("none") +
               "flwr-package-name: flwr\r\nflwr-package-version: 1.39.0\r\n"
               "flwr-component-name: flwr-serverapp\r\n");
  EXPECT_EQ(response.status, 412);
  EXPECT_NE(nlohmann::json::parse(response.body).at("extra").get<std::string>().find("1.39.0"),
            std::string::npos);
}

TEST_F(RuntimeHttpTest, IsThereOnlyWhereAppsAreServed) {
  Restart(TestOptions());
  for (const char* name : kCallsWithToken) EXPECT_EQ(Call(name, "").status, 404) << name;
  EXPECT_EQ(Call("acquire-task", "").status, 404);
}

TEST_F(RuntimeHttpTest, ClaimsNeedTheSecretIfThereIsOne) {
  SuperLinkOptions options = AppOptions();
  options.superexec_auth_secret = "secret";
  Restart(std::move(options));
  CreateRun();
  flwr::proto::AcquireTaskRequest request;
  request.add_supported_task_types("flwr-serverapp");
  const std::string body = request.SerializeAsString();
  const auto lines = [](const SuperExecCredentials& credentials) {
    return kProtobuf + ("flwr-superexec-ts: " + credentials.timestamp) +
           "\r\nflwr-superexec-nonce: " + credentials.nonce +
           "\r\nflwr-superexec-body-sha256: " + credentials.body_sha256 +
           "\r\nflwr-superexec-signature: " + credentials.signature + "\r\n";
  };
  const auto now = static_cast<std::int64_t>(UnixSeconds());
  const std::string method = "/flwr.proto.Runtime/AcquireTask";
  const std::string wrong = lines(SignClaim("guess", method, body, now, "first"));
  const std::string right = lines(SignClaim("secret", method, body, now, "first"));

  for (const std::string& refused : {std::string(kProtobuf), wrong}) {
    const RawHttpResponse response = Call("acquire-task", body, refused);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(CodeOf(response), 1008);
  }
  const RawHttpResponse response = Call("acquire-task", body, right);
  EXPECT_EQ(response.status, 200);
  flwr::proto::AcquireTaskResponse claimed;
  ASSERT_TRUE(claimed.ParseFromString(response.body));
  EXPECT_FALSE(claimed.token().empty());
  EXPECT_EQ(Call("acquire-task", body, right).status, 401) << "a replay";
}

TEST_F(RuntimeHttpTest, AServerAppAndANodeWorkOnARun) {
  StartApp();
  FleetPeer peer(superlink_->http_port());
  ASSERT_NE(peer.Join(), 0u);
  const auto nodes =
      Do<flwr::proto::GetNodesResponse>("get-nodes", token_, flwr::proto::GetNodesRequest());
  ASSERT_EQ(nodes.nodes_size(), 1);
  EXPECT_EQ(nodes.nodes(0).node_id(), peer.node_id());
  EXPECT_TRUE(Do<flwr::proto::SendTaskHeartbeatResponse>("send-task-heartbeat", token_,
                                                         flwr::proto::SendTaskHeartbeatRequest())
                  .success());
  const std::vector<std::string> ids = Push({peer.node_id()});
  ASSERT_EQ(ids.size(), 1u);
  RawHttpClient client = Connect();
  client.Send(PullRequest(ids));
  EXPECT_TRUE(ReceiveReplies(client).empty());
  LetAnswer(peer);

  client.Send(PullRequest(ids));
  flwr::proto::PullAppMessagesResponse pulled;
  ASSERT_TRUE(pulled.ParseFromString(client.Receive().value_or(RawHttpResponse()).body));
  ASSERT_EQ(pulled.messages_list_size(), 1);
  flwr::proto::PullObjectRequest pull;
  pull.mutable_node()->set_node_id(1);
  pull.set_run_id(run_id_);
  pull.set_object_id(pulled.messages_list(0).metadata().message_id());
  const auto object = Do<flwr::proto::PullObjectResponse>("pull-object", token_, pull);
  EXPECT_TRUE(object.object_found());
  EXPECT_TRUE(object.object_available());
  EXPECT_THAT(CheckObject(pull.object_id(), Bytes(object.object_content())), IsOk());
  flwr::proto::ConfirmMessageReceivedRequest confirmation;
  confirmation.set_message_object_id(pull.object_id());
  Do<flwr::proto::ConfirmMessageReceivedResponse>("confirm-message-received", token_, confirmation);
  EXPECT_FALSE(Do<flwr::proto::PullObjectResponse>("pull-object", token_, pull).object_found());

  flwr::proto::PushTaskOutputRequest output;
  output.set_sub_status("completed");
  Do<flwr::proto::PushTaskOutputResponse>("push-task-output", token_, output);
  EXPECT_EQ(Call("get-nodes", "", kProtobuf + TokenLine(token_)).status, 401);
}

TEST_F(RuntimeHttpTest, SaysByItsNumberWhyItRefuses) {
  StartApp();
  const std::string lines = kProtobuf + TokenLine(token_);
  EXPECT_EQ(CodeOf(Call("pull-task-input", "", lines)), 3002);
  flwr::proto::PullObjectRequest pull;
  pull.mutable_node()->set_node_id(2);
  EXPECT_EQ(CodeOf(Call("pull-object", pull.SerializeAsString(), lines)), 3004);
  const Object object = MakeObject(ObjectType::kArrayChunk, {}, Bytes());
  EXPECT_EQ(CodeOf(Call("push-object", ObjectRequest(object, "", 2).SerializeAsString(), lines)),
            3004);
}

TEST_F(RuntimeHttpTest, WhatWasOnItsWayWhenTheSuperLinkWasKilledIsSentAgain) {
  const flwrcpp::testing::TempDir directory;
  SuperLinkOptions options = AppOptions();
  options.database = directory.File("state.db");
  Restart(options);
  FleetPeer working(superlink_->http_port());
  FleetPeer waiting(superlink_->http_port());
  StartApp();
  const auto ids = Push({working.Join(), waiting.Join()});
  LetAnswer(working);
  waiting.SendPull();
  ASSERT_EQ(waiting.ReceivePull()->messages_list_size(), 1);
  auto app = Connect();
  app.Send(PullRequest(ids));
  ASSERT_EQ(ReceiveReplies(app), std::set{ids[0]});

  Restart(options);  // as if neither answer had arrived

  waiting.Reconnect(superlink_->http_port());
  waiting.SendPull();
  const auto again = waiting.ReceivePull();
  ASSERT_EQ(again->messages_list_size(), 1);
  EXPECT_EQ(again->messages_list(0).metadata().message_id(), ids[1]);
  app = Connect();
  app.Send(PullRequest(ids));
  EXPECT_EQ(ReceiveReplies(app), std::set{ids[0]});
}

}  // namespace
}  // namespace flwrcpp::internal
