// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "crypto/sha256.h"
#include "flwr/proto/fleet.pb.h"
#include "tests/unit/server/runtime_http_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::RawHttpResponse;

constexpr const char* kFleet[] = {
    "register-node", "activate-node", "deactivate-node",     "unregister-node",
    "get-run",       "get-fab",       "send-node-heartbeat", "pull-messages",
    "push-messages", "pull-object",   "push-object",         "confirm-message-received"};
constexpr const char* kRuntime[] = {
    "acquire-task", "send-task-heartbeat", "pull-task-input",         "push-task-output",
    "push-logs",    "get-nodes",           "push-messages",           "pull-messages",
    "push-object",  "pull-object",         "confirm-message-received"};
constexpr const char* kControl[] = {"start-run",       "list-runs",       "stop-run",
                                    "stream-logs",     "register-node",   "unregister-node",
                                    "list-nodes",      "show-federation", "list-federations",
                                    "get-auth-tokens", "pull-artifacts",  "get-login-details"};
/// A field that says that it is longer than what follows.
constexpr char kBroken[] = "\x0a\xff\xff\xff\xff\x0f";

/// Every route with every kind of input that is none, from peers that prove who they are. What the
/// SuperLink has must stay as it is.
class BadInputTest : public RuntimeHttpTest {
 protected:
  void SetUp() override {
    SuperLinkOptions options = AppOptions();
    options.max_request_bytes = std::size_t{1} << 20;
    Restart(std::move(options));
    peer_.Reconnect(superlink_->http_port());
    ASSERT_NE(peer_.Join(), 0u);
    StartApp();
    before_ = Fingerprint();
  }

  void TearDown() override {
    EXPECT_EQ(Fingerprint(), before_) << "bad input changed something";
    // The run and the node go on as if nothing had happened.
    const std::vector<std::string> ids = Push({peer_.node_id()});
    ASSERT_EQ(ids.size(), 1u);
    LetAnswer(peer_);
    RawHttpClient client = Connect();
    client.Send(PullRequest(ids));
    EXPECT_EQ(ReceiveReplies(client).size(), 1u);
  }

  /// All there is to see of nodes, runs and messages, but for what the clock changes.
  std::string Fingerprint() const {
    flwr::proto::ListNodesResponse nodes;
    EXPECT_TRUE(nodes.ParseFromString(Post("/v1/control/list-nodes", kProtobuf, "").body));
    std::string text;
    for (const auto& node : nodes.nodes_info()) {
      text += std::to_string(node.node_id()) + " " + node.status() + "\n";
    }
    flwr::proto::ListRunsResponse runs;
    EXPECT_TRUE(runs.ParseFromString(Post("/v1/control/list-runs", kProtobuf, "").body));
    for (const auto& [id, run] : std::map<std::uint64_t, flwr::proto::Run>(runs.run_dict().begin(),
                                                                           runs.run_dict().end())) {
      text += std::to_string(id) + " " + run.status().status() + ":" + run.status().sub_status() +
              " " + std::to_string(run.bytes_sent()) + " " + std::to_string(run.bytes_recv()) +
              "\n";
    }
    return text;
  }

  std::string FleetLines() const { return kProtobuf + peer_.SignatureLines(); }
  std::string RuntimeLines() const { return kProtobuf + TokenLine(token_); }

  template <typename Check>
  void ForEachRoute(const Check& check) {
    for (const char* name : kFleet) check("/v1/fleet/" + std::string(name), FleetLines());
    for (const char* name : kRuntime) check("/v1/runtime/" + std::string(name), RuntimeLines());
    for (const char* name : kControl) check("/v1/control/" + std::string(name), kProtobuf);
  }

  FleetPeer peer_{0};
  std::string before_;
};

TEST_F(BadInputTest, AnotherContentTypeIsRefused) {
  ForEachRoute([&](const std::string& path, std::string lines) {
    lines.replace(0, std::string(kProtobuf).size(), "Content-Type: application/json\r\n");
    const RawHttpResponse response = Post(path, lines, "{}");
    EXPECT_EQ(response.status, 415) << path;
    EXPECT_EQ(CodeOf(response), 1002) << path;
  });
}

TEST_F(BadInputTest, BrokenProtobufIsRefused) {
  ForEachRoute([&](const std::string& path, const std::string& lines) {
    // These two look at nothing that a request says.
    const bool empty = path.ends_with("/send-task-heartbeat") || path.ends_with("/get-nodes") ||
                       path.ends_with("/pull-task-input");
    if (empty) return;
    const RawHttpResponse response = Post(path, lines, kBroken);
    EXPECT_EQ(response.status, 400) << path << response.body;
    EXPECT_EQ(CodeOf(response), 1003) << path;
  });
}

TEST_F(BadInputTest, BodiesBeyondTheBoundAreRefusedUnread) {
  ForEachRoute([&](const std::string& path, const std::string& lines) {
    RawHttpClient client = Connect();
    client.Send("POST " + path + " HTTP/1.1\r\nHost: x\r\n" + lines +
                "Content-Length: 1000000000000\r\n\r\n");
    const RawHttpResponse response = client.Receive().value_or(RawHttpResponse());
    EXPECT_EQ(response.status, 413) << path;
  });
}

TEST_F(BadInputTest, OtherMethodsAndPathsAreRefused) {
  ForEachRoute([&](const std::string& path, const std::string& lines) {
    RawHttpClient client = Connect();
    client.Send("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n");
    EXPECT_EQ(client.Receive().value_or(RawHttpResponse()).status, 405) << path;
    EXPECT_EQ(Post(path + "x", lines, "").status, 404) << path;
  });
}

TEST_F(BadInputTest, RandomBytesAreNeverTakenForWhatTheyAreNot) {
  std::mt19937 random(1);  // the same bytes each time
  for (int i = 0; i < 20; ++i) {
    std::string body(random() % 64, '\0');
    for (char& byte : body) byte = static_cast<char>(random());
    ForEachRoute([&](const std::string& path, const std::string& lines) {
      // What ends the peers' own life is not asked at random.
      if (path.ends_with("/push-task-output") || path.ends_with("/push-logs")) return;
      const RawHttpResponse response = Post(path, lines, body);
      EXPECT_NE(response.status, 0) << path << " ended the connection";
      EXPECT_NE(response.status, 500) << path << response.body;
    });
  }
}

TEST_F(BadInputTest, WhatIsUnknownIsRefusedByItsNumber) {
  flwr::proto::StopRunRequest stop;
  stop.set_run_id(1234);
  RawHttpResponse response = Post("/v1/control/stop-run", kProtobuf, stop.SerializeAsString());
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(CodeOf(response), 16);
  flwr::proto::ListRunsRequest list;
  list.set_run_id(1234);
  response = Post("/v1/control/list-runs", kProtobuf, list.SerializeAsString());
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(CodeOf(response), 16);
  flwr::proto::StreamLogsRequest logs;
  logs.set_run_id(1234);
  response = Post("/v1/control/stream-logs", kProtobuf, logs.SerializeAsString());
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(CodeOf(response), 16);
  flwr::proto::GetRunRequest run;
  run.mutable_node()->set_node_id(peer_.node_id());
  run.set_run_id(1234);
  response = peer_.Call("get-run", run);
  EXPECT_NE(response.status, 200);
  flwr::proto::PullMessagesRequest foreign;
  foreign.mutable_node()->set_node_id(peer_.node_id() + 1);
  EXPECT_EQ(peer_.Call("pull-messages", foreign).status, 401);
}

TEST_F(BadInputTest, TreesOfTenThousandLevelsAreRefused) {
  flwr::proto::ObjectTree tree;
  flwr::proto::ObjectTree* last = &tree;
  for (int i = 0; i < 10'000; ++i) {
    last->set_object_id(Sha256::Hex(std::to_string(i)));
    last = last->add_children();
  }
  // Written by hand: protobuf itself refuses to read so deep a message.
  flwr::proto::PushMessagesRequest fleet;
  fleet.mutable_node()->set_node_id(peer_.node_id());
  fleet.add_messages_list();
  *fleet.add_message_object_trees() = tree;
  EXPECT_EQ(peer_.Call("push-messages", fleet).status, 400);
  flwr::proto::PushAppMessagesRequest runtime;
  runtime.add_messages_list();
  *runtime.add_message_object_trees() = tree;
  EXPECT_EQ(Call("push-messages", runtime.SerializeAsString(), RuntimeLines()).status, 400);
}

}  // namespace
}  // namespace flwrcpp::internal
