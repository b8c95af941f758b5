// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "flwr/proto/control.pb.h"
#include "flwr/proto/runtime.pb.h"
#include "flwr/proto/transport.pb.h"
#include "records/object.h"
#include "records/wire.h"
#include "tests/support/raw_http_client.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_fab.h"
#include "tests/unit/server/fleet_peer.h"
#include "tests/unit/server/signed_claim.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::RawHttpResponse;
using nlohmann::json;

constexpr char kProtobuf[] = "Content-Type: application/protobuf\r\n";

int CodeOf(const RawHttpResponse& response) {
  const json body = json::parse(response.body, nullptr, false);
  return body.is_object() ? body.value("code", 0) : 0;
}

/// What the peers of a SuperLink do that is the same whether their calls wait or not.
class RuntimeHttpTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(AppOptions()); }

  static SuperLinkOptions AppOptions() {
    SuperLinkOptions options = TestOptions();
    options.serve_apps = true;
    options.pull_wait = std::chrono::seconds(0);
    // With one thread a request is handled after those that arrived before it.
    options.threads = 1;
    return options;
  }

  void Restart(SuperLinkOptions options) {
    superlink_.reset();
    StatusOr<std::unique_ptr<SuperLink>> started = SuperLink::Start(std::move(options));
    ASSERT_THAT(started, IsOk());
    superlink_ = *std::move(started);
  }

  RawHttpClient Connect() const { return RawHttpClient(superlink_->http_port()); }

  /// Sends a call over a new connection and reads its answer; status 0 if there is none.
  RawHttpResponse Post(const std::string& path, const std::string& lines,
                       const std::string& body) const {
    RawHttpClient client = Connect();
    client.Send(PostRequest(path, lines, body));
    return client.Receive().value_or(RawHttpResponse());
  }

  static std::string TokenLine(const std::string& token) {
    return "flwr-task-token: " + token + "\r\n";
  }
  static std::string Request(const std::string& name, const std::string& token,
                             const google::protobuf::MessageLite& request) {
    return PostRequest("/v1/runtime/" + name, kProtobuf + TokenLine(token),
                       request.SerializeAsString());
  }

  RawHttpResponse Call(const std::string& name, const std::string& body,
                       const std::string& lines = kProtobuf) const {
    return Post("/v1/runtime/" + name, lines, body);
  }

  /// A call that succeeds.
  template <typename Response>
  Response Do(const std::string& name, const std::string& token,
              const google::protobuf::MessageLite& request) const {
    const RawHttpResponse response =
        Call(name, request.SerializeAsString(), kProtobuf + TokenLine(token));
    EXPECT_EQ(response.status, 200) << name << ": " << response.body;
    Response parsed;
    EXPECT_TRUE(parsed.ParseFromString(response.body)) << name;
    return parsed;
  }

  /// What was asked before by others has been handled when this returns.
  void LetOthersBeHandled() const {
    for (int i = 0; i < 2; ++i) {
      RawHttpClient client = Connect();
      client.Send("GET /health HTTP/1.1\r\n\r\n");
      ASSERT_TRUE(client.Receive().has_value());
    }
  }

  std::uint64_t CreateRun() const {
    flwr::proto::StartRunRequest request;
    request.mutable_fab()->set_content(flwrcpp::testing::MakeZip(
        {{"pyproject.toml", flwrcpp::testing::TestPyproject("lr = 0.1\n")}}));
    const RawHttpResponse response =
        Post("/v1/control/start-run", kProtobuf, request.SerializeAsString());
    EXPECT_EQ(response.status, 200) << response.body;
    flwr::proto::StartRunResponse started;
    EXPECT_TRUE(started.ParseFromString(response.body));
    return started.run_id();
  }

  void StopRun(std::uint64_t run_id) const {
    flwr::proto::StopRunRequest request;
    request.set_run_id(run_id);
    EXPECT_EQ(Post("/v1/control/stop-run", kProtobuf, request.SerializeAsString()).status, 200);
  }

  static std::string ClaimRequest() {
    flwr::proto::AcquireTaskRequest request;
    request.add_supported_task_types("flwr-serverapp");
    return PostRequest("/v1/runtime/acquire-task", kProtobuf, request.SerializeAsString());
  }

  static flwr::proto::AcquireTaskResponse ReceiveClaim(RawHttpClient& client) {
    const RawHttpResponse response = client.Receive().value_or(RawHttpResponse());
    EXPECT_EQ(response.status, 200);
    flwr::proto::AcquireTaskResponse claimed;
    EXPECT_TRUE(claimed.ParseFromString(response.body));
    return claimed;
  }

  /// Makes a run and starts its ServerApp.
  void StartApp() {
    run_id_ = CreateRun();
    RawHttpClient client = Connect();
    client.Send(ClaimRequest());
    const auto claimed = ReceiveClaim(client);
    EXPECT_EQ(claimed.task().run_id(), run_id_);
    token_ = claimed.token();
    const auto input = Do<flwr::proto::PullTaskInputResponse>("pull-task-input", token_,
                                                              flwr::proto::PullTaskInputRequest());
    EXPECT_EQ(input.run().run_id(), run_id_);
    EXPECT_FALSE(input.fab().content().empty());
  }

  /// Pushes one instruction for each node and uploads its objects. @return the ids.
  std::vector<std::string> Push(const std::vector<std::uint64_t>& node_ids) {
    flwr::proto::PushAppMessagesRequest request;
    std::map<std::string, Object> objects;
    for (const std::uint64_t node_id : node_ids) {
      Message message = TestInstruction(node_id);
      message.metadata().run_id = run_id_;
      message.metadata().src_node_id = kSuperLinkNodeId;
      message.metadata().created_at = UnixSeconds();
      const DeflatedMessage deflated = Deflate(message);
      message.metadata().message_id = deflated.root.id;
      ToStub(message, *request.add_messages_list());
      ToProto(deflated.tree, *request.add_message_object_trees());
      for (const Object& object : deflated.content->objects) objects[object.id] = object;
      objects[deflated.root.id] = deflated.root;
    }
    const auto pushed = Do<flwr::proto::PushAppMessagesResponse>("push-messages", token_, request);
    for (const std::string& id : pushed.objects_to_push()) {
      const auto push = ObjectRequest(objects.at(id), pushed.session_id(), kSuperLinkNodeId);
      EXPECT_TRUE(Do<flwr::proto::PushObjectResponse>("push-object", token_, push).stored());
    }
    return {pushed.message_ids().begin(), pushed.message_ids().end()};
  }

  flwr::proto::PushObjectRequest ObjectRequest(const Object& object, const std::string& session_id,
                                               std::uint64_t node_id) const {
    flwr::proto::PushObjectRequest request;
    request.mutable_node()->set_node_id(node_id);
    request.set_run_id(run_id_);
    request.set_object_id(object.id);
    request.set_object_content(std::string(object.head.view()) + std::string(object.body.view()));
    request.set_session_id(session_id);
    return request;
  }

  /// Has a node work on its next instruction; nothing of its reply has objects but itself.
  void LetAnswer(FleetPeer& peer) const {
    peer.SendPull();
    const auto pulled = peer.ReceivePull();
    ASSERT_TRUE(pulled.has_value());
    ASSERT_EQ(pulled->messages_list_size(), 1);
    const Message instruction(FromProto(pulled->messages_list(0).metadata()), RecordDict());
    Message reply = Message::ErrorReplyTo(instruction, Error{2, "said by the node"}, UnixSeconds());
    const DeflatedMessage deflated = Deflate(reply);
    reply.metadata().message_id = deflated.root.id;
    flwr::proto::PushMessagesRequest request;
    request.mutable_node()->set_node_id(peer.node_id());
    ToStub(reply, *request.add_messages_list());
    ToProto(deflated.tree, *request.add_message_object_trees());
    flwr::proto::PushMessagesResponse pushed;
    ASSERT_TRUE(pushed.ParseFromString(peer.Call("push-messages", request).body));
    ASSERT_EQ(pushed.objects_to_push_size(), 1);
    const auto push = ObjectRequest(deflated.root, pushed.session_id(), peer.node_id());
    flwr::proto::PushObjectResponse stored;
    ASSERT_TRUE(stored.ParseFromString(peer.Call("push-object", push).body));
    ASSERT_TRUE(stored.stored());
  }

  std::string PullRequest(const std::vector<std::string>& ids) const {
    flwr::proto::PullAppMessagesRequest request;
    for (const std::string& id : ids) request.add_message_ids(id);
    return Request("pull-messages", token_, request);
  }

  /// Which instructions the answer to a pull has replies of nodes to.
  static std::set<std::string> ReceiveReplies(RawHttpClient& client) {
    const RawHttpResponse response = client.Receive().value_or(RawHttpResponse());
    EXPECT_EQ(response.status, 200);
    flwr::proto::PullAppMessagesResponse pulled;
    EXPECT_TRUE(pulled.ParseFromString(response.body));
    EXPECT_EQ(pulled.messages_list_size(), pulled.message_object_trees_size());
    std::set<std::string> ids;
    for (const auto& message : pulled.messages_list()) {
      EXPECT_EQ(message.error().reason(), "said by the node");
      ids.insert(message.metadata().reply_to_message_id());
    }
    return ids;
  }

  std::unique_ptr<SuperLink> superlink_;
  std::uint64_t run_id_ = 0;
  std::string token_;
};

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
  EXPECT_NE(json::parse(response.body).at("extra").get<std::string>().find("1.39.0"),
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

/// Calls that wait.
class ParkedRuntimeTest : public RuntimeHttpTest {
 protected:
  void SetUp() override {
    SuperLinkOptions options = AppOptions();
    options.pull_wait = std::chrono::seconds(25);  // beyond the patience of RawHttpClient
    Restart(std::move(options));
    for (FleetPeer* peer : {&first_, &second_}) {
      peer->Reconnect(superlink_->http_port());
      ASSERT_NE(peer->Join(), 0u);
    }
  }

  FleetPeer first_{0};
  FleetPeer second_{0};
};

TEST_F(ParkedRuntimeTest, APullIsAnsweredWhenTheLastReplyComes) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
  RawHttpClient client = Connect();
  client.Send(PullRequest(ids));
  LetOthersBeHandled();
  LetAnswer(second_);
  LetOthersBeHandled();
  LetAnswer(first_);

  EXPECT_EQ(ReceiveReplies(client), std::set<std::string>(ids.begin(), ids.end()));
}

TEST_F(ParkedRuntimeTest, APullOfWhatIsThereDoesNotWait) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
  LetAnswer(first_);
  RawHttpClient client = Connect();

  client.Send(PullRequest({ids[0]}));

  EXPECT_EQ(ReceiveReplies(client), std::set<std::string>{ids[0]});
}

TEST_F(ParkedRuntimeTest, APullTakesWhatThereIsWhenItsTimeIsUp) {
  SuperLinkOptions options = AppOptions();
  options.pull_wait = std::chrono::milliseconds(50);
  Restart(std::move(options));
  for (FleetPeer* peer : {&first_, &second_}) {
    peer->Reconnect(superlink_->http_port());
    ASSERT_NE(peer->Join(), 0u);
  }
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
  RawHttpClient client = Connect();
  client.Send(PullRequest(ids));
  EXPECT_TRUE(ReceiveReplies(client).empty());
  LetAnswer(first_);

  client.Send(PullRequest(ids));

  EXPECT_EQ(ReceiveReplies(client), std::set<std::string>{ids[0]});
}

TEST_F(ParkedRuntimeTest, APullEndsWithItsRun) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id()});
  RawHttpClient client = Connect();
  client.Send(PullRequest(ids));
  LetOthersBeHandled();

  StopRun(run_id_);

  const RawHttpResponse response = client.Receive().value_or(RawHttpResponse());
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(CodeOf(response), 1008);
}

TEST_F(ParkedRuntimeTest, APeerThatHangsUpLosesNoReplies) {
  StartApp();
  for (const bool abruptly : {false, true}) {
    SCOPED_TRACE(abruptly);
    const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
    LetAnswer(first_);
    RawHttpClient gone = Connect();
    gone.Send(PullRequest(ids));
    LetOthersBeHandled();
    gone.Close(abruptly);
    LetAnswer(second_);
    RawHttpClient client = Connect();

    client.Send(PullRequest(ids));

    EXPECT_EQ(ReceiveReplies(client), std::set<std::string>(ids.begin(), ids.end()));
  }
}

TEST_F(ParkedRuntimeTest, AClaimGetsARunThatIsCreatedMeanwhile) {
  RawHttpClient client = Connect();
  client.Send(ClaimRequest());
  LetOthersBeHandled();

  const std::uint64_t run_id = CreateRun();

  const auto claimed = ReceiveClaim(client);
  EXPECT_EQ(claimed.task().run_id(), run_id);
  EXPECT_EQ(claimed.token().size(), 256u);
}

TEST_F(ParkedRuntimeTest, APeerThatHangsUpGetsNoRun) {
  for (const bool abruptly : {false, true}) {
    SCOPED_TRACE(abruptly);
    RawHttpClient gone = Connect();
    gone.Send(ClaimRequest());
    LetOthersBeHandled();
    gone.Close(abruptly);
    const std::uint64_t run_id = CreateRun();
    RawHttpClient client = Connect();

    client.Send(ClaimRequest());

    EXPECT_EQ(ReceiveClaim(client).task().run_id(), run_id);
  }
}

TEST_F(ParkedRuntimeTest, OnlyOneOfManyClaimsGetsARun) {
  std::vector<RawHttpClient> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(Connect());
    clients.back().Send(ClaimRequest());
  }
  LetOthersBeHandled();

  CreateRun();

  int claims = 0;
  for (RawHttpClient& client : clients) claims += ReceiveClaim(client).token().empty() ? 0 : 1;
  EXPECT_EQ(claims, 1);
}

TEST_F(ParkedRuntimeTest, CallsThatWaitAreAnsweredWhenTheSuperLinkStops) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id()});
  RawHttpClient pull = Connect();
  pull.Send(PullRequest(ids));
  RawHttpClient claim = Connect();
  claim.Send(ClaimRequest());
  LetOthersBeHandled();

  superlink_->Stop();

  EXPECT_TRUE(ReceiveReplies(pull).empty());
  EXPECT_TRUE(ReceiveClaim(claim).token().empty());
}

}  // namespace
}  // namespace flwrcpp::internal
