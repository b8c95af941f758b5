// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

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
#include "records/object.h"
#include "records/wire.h"
#include "tests/support/raw_http_client.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_fab.h"
#include "tests/unit/server/fleet_peer.h"

namespace flwrcpp::internal {

/// The number of an error in the catalogue; 0 if there is none.
inline int CodeOf(const flwrcpp::testing::RawHttpResponse& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
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
    ASSERT_THAT(started, flwrcpp::testing::IsOk());
    superlink_ = *std::move(started);
  }

  flwrcpp::testing::RawHttpClient Connect() const {
    return flwrcpp::testing::RawHttpClient(superlink_->http_port());
  }

  /// Sends a call over a new connection and reads its answer; status 0 if there is none.
  flwrcpp::testing::RawHttpResponse Post(const std::string& path, const std::string& lines,
                                         const std::string& body) const {
    flwrcpp::testing::RawHttpClient client = Connect();
    client.Send(flwrcpp::testing::PostRequest(path, lines, body));
    return client.Receive().value_or(flwrcpp::testing::RawHttpResponse());
  }

  static std::string TokenLine(const std::string& token) {
    return "flwr-task-token: " + token + "\r\n";
  }
  static std::string Request(const std::string& name, const std::string& token,
                             const google::protobuf::MessageLite& request) {
    return flwrcpp::testing::PostRequest("/v1/runtime/" + name, kProtobuf + TokenLine(token),
                                         request.SerializeAsString());
  }

  flwrcpp::testing::RawHttpResponse Call(const std::string& name, const std::string& body,
                                         const std::string& lines = kProtobuf) const {
    return Post("/v1/runtime/" + name, lines, body);
  }

  /// A call that succeeds.
  template <typename Response>
  Response Do(const std::string& name, const std::string& token,
              const google::protobuf::MessageLite& request) const {
    const flwrcpp::testing::RawHttpResponse response =
        Call(name, request.SerializeAsString(), kProtobuf + TokenLine(token));
    EXPECT_EQ(response.status, 200) << name << ": " << response.body;
    Response parsed;
    EXPECT_TRUE(parsed.ParseFromString(response.body)) << name;
    return parsed;
  }

  /// What was asked before by others has been handled when this returns.
  void LetOthersBeHandled() const {
    for (int i = 0; i < 2; ++i) {
      flwrcpp::testing::RawHttpClient client = Connect();
      client.Send("GET /health HTTP/1.1\r\n\r\n");
      ASSERT_TRUE(client.Receive().has_value());
    }
  }

  std::uint64_t CreateRun() const {
    flwr::proto::StartRunRequest request;
    request.mutable_fab()->set_content(flwrcpp::testing::MakeZip(
        {{"pyproject.toml", flwrcpp::testing::TestPyproject("lr = 0.1\n")}}));
    const flwrcpp::testing::RawHttpResponse response =
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
    return flwrcpp::testing::PostRequest("/v1/runtime/acquire-task", kProtobuf,
                                         request.SerializeAsString());
  }

  static flwr::proto::AcquireTaskResponse ReceiveClaim(flwrcpp::testing::RawHttpClient& client) {
    const flwrcpp::testing::RawHttpResponse response =
        client.Receive().value_or(flwrcpp::testing::RawHttpResponse());
    EXPECT_EQ(response.status, 200);
    flwr::proto::AcquireTaskResponse claimed;
    EXPECT_TRUE(claimed.ParseFromString(response.body));
    return claimed;
  }

  /// Makes a run and starts its ServerApp.
  void StartApp() {
    run_id_ = CreateRun();
    flwrcpp::testing::RawHttpClient client = Connect();
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
  static std::set<std::string> ReceiveReplies(flwrcpp::testing::RawHttpClient& client) {
    const flwrcpp::testing::RawHttpResponse response =
        client.Receive().value_or(flwrcpp::testing::RawHttpResponse());
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

}  // namespace flwrcpp::internal
