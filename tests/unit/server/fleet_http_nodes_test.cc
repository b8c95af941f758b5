// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Nodes over HTTP: who they are, and what travels.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "records/wire.h"
#include "tests/support/log_warnings.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_http_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::LogWarnings;
using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpResponse;
using nlohmann::json;

using FleetHttpNodesTest = FleetHttpFixture;

TEST_F(FleetHttpNodesTest, RefusesWhoeverDoesNotProveWhoHeIs) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);
  const NodeCredentials good = SignNow(peer.key(), UnixSeconds());
  NodeCredentials old = SignNow(peer.key(), UnixSeconds() - 400);
  NodeCredentials early = SignNow(peer.key(), UnixSeconds() + 60);
  NodeCredentials naive;
  naive.public_pem = good.public_pem;
  naive.timestamp = good.timestamp.substr(0, good.timestamp.find('+'));
  naive.signature = peer.key().Sign(naive.timestamp);
  NodeCredentials changed = good;
  changed.timestamp = FormatTimestamp(UnixSeconds() - 1);
  NodeCredentials stranger = SignNow(EcPrivateKey::Generate(), UnixSeconds());
  NodeCredentials no_key = good;
  no_key.public_pem = "no key";
  std::string no_base64 = FleetPeer::LinesOf(good);
  no_base64.insert(no_base64.find("signature: ") + 11, "*");

  for (const std::string& lines :
       {std::string(), FleetPeer::LinesOf(old), FleetPeer::LinesOf(early),
        FleetPeer::LinesOf(naive), FleetPeer::LinesOf(changed), FleetPeer::LinesOf(stranger),
        FleetPeer::LinesOf(no_key), no_base64}) {
    SCOPED_TRACE(lines);
    const RawHttpResponse response =
        Exchange(PostRequest("/v1/fleet/pull-messages", kProtobuf + lines, peer.PullBody()));
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(json::parse(response.body), json({{"detail", "Invalid SuperNode authentication"}}));
  }
  EXPECT_EQ(Exchange(PostRequest("/v1/fleet/pull-messages", kProtobuf + FleetPeer::LinesOf(good),
                                 peer.PullBody()))
                .status,
            200);
}

TEST_F(FleetHttpNodesTest, ANodeSpeaksOnlyForItself) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);
  FleetPeer other(port());
  ASSERT_NE(other.Join(), 0u);

  EXPECT_EQ(peer.Call("pull-messages", other.PullBody()).status, 401);
  flwr::proto::UnregisterNodeFleetRequest unregister;
  unregister.set_node_id(other.node_id());
  EXPECT_EQ(peer.Call("unregister-node", unregister).status, 401);
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key(EcPrivateKey::Generate().public_pem());
  EXPECT_EQ(peer.Call("register-node", registration).status, 401);
  flwr::proto::PushObjectRequest push;
  push.mutable_node()->set_node_id(other.node_id());
  EXPECT_EQ(peer.Call("push-object", push).status, 401);
}

TEST_F(FleetHttpNodesTest, AnUnregisteredNodeIsNobody) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);
  flwr::proto::UnregisterNodeFleetRequest unregister;
  unregister.set_node_id(peer.node_id());
  ASSERT_EQ(peer.Call("unregister-node", unregister).status, 200);

  EXPECT_EQ(peer.Call("pull-messages", peer.PullBody()).status, 401);
  EXPECT_EQ(peer.Join(), 0u);
}

TEST_F(FleetHttpNodesTest, RefusalsCarryTheNumberOfTheCatalogue) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);
  flwr::proto::ActivateNodeRequest activation;
  activation.set_public_key(peer.key().public_pem());
  activation.set_heartbeat_interval(30);

  const RawHttpResponse again = peer.Call("activate-node", activation);
  EXPECT_EQ(again.status, 412);
  EXPECT_EQ(json::parse(again.body)["code"], 2004);
  flwr::proto::GetRunRequest get_run;
  get_run.mutable_node()->set_node_id(peer.node_id());
  const RawHttpResponse unknown = peer.Call("get-run", get_run);
  EXPECT_EQ(unknown.status, 403);
  EXPECT_EQ(json::parse(unknown.body)["code"], 2008);
}

TEST_F(FleetHttpNodesTest, ANodeOfAReleaseThatNobodyHasSeenJoinsWithAWarning) {
  FleetPeer peer(port());
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key(peer.key().public_pem());
  ASSERT_EQ(peer.Call("register-node", registration).status, 200);
  flwr::proto::ActivateNodeRequest activation;
  activation.set_public_key(peer.key().public_pem());
  activation.set_heartbeat_interval(30);
  const LogWarnings warnings;

  const RawHttpResponse activated = Exchange(PostRequest(
      "/v1/fleet/activate-node",
      kProtobuf + peer.SignatureLines() +
          "flwr-package-name: flwr\r\nflwr-package-version: 8.7.6\r\nflwr-component-name: x\r\n",
      activation.SerializeAsString()));

  EXPECT_EQ(activated.status, 200);
  ASSERT_EQ(warnings.lines().size(), 1u);
  EXPECT_NE(warnings.lines().front().find("SuperNode of Flower 8.7"), std::string::npos)
      << warnings.lines().front();
}

TEST_F(FleetHttpNodesTest, AMessageAndLargeObjectsTravelBothWays) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);
  const auto grid = superlink_->StartRun({});
  ASSERT_THAT(grid, IsOk());
  std::vector<float> values(3'000'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  ArrayRecord arrays;
  arrays.Set("w", *Array::From(values, {3'000'000}));
  RecordDict content;
  content.Set("arrays", std::move(arrays));
  const auto ids = (*grid)->PushMessages(
      {Message::Instruction(std::make_shared<const RecordDict>(content), peer.node_id(), "train")});
  ASSERT_THAT(ids, IsOk());

  peer.SendPull();
  const auto pulled = peer.ReceivePull();
  ASSERT_TRUE(pulled.has_value());
  const std::uint64_t run_id = (*grid)->run_id();
  const ObjectSource source = [&](const std::string& id) -> StatusOr<Object> {
    flwr::proto::PullObjectRequest request;
    request.mutable_node()->set_node_id(peer.node_id());
    request.set_run_id(run_id);
    request.set_object_id(id);
    const auto view = ParsePullObjectResponse(Bytes(peer.Call("pull-object", request).body));
    if (!view.ok()) return view.status();
    EXPECT_TRUE(view->found && view->available);
    return CheckObject(id, view->content);
  };
  const auto instruction = Inflate(pulled->message_object_trees(0).object_id(), source);
  ASSERT_THAT(instruction, IsOk());
  EXPECT_EQ(instruction->content(), content);

  const Message reply = Message::ReplyTo(*instruction, content);
  const DeflatedMessage deflated = Deflate(reply);
  Message stamped = reply;
  stamped.metadata().message_id = deflated.root.id;
  flwr::proto::PushMessagesRequest push;
  push.mutable_node()->set_node_id(peer.node_id());
  ToStub(stamped, *push.add_messages_list());
  ToProto(deflated.tree, *push.add_message_object_trees());
  flwr::proto::PushMessagesResponse announced;
  ASSERT_TRUE(announced.ParseFromString(peer.Call("push-messages", push).body));
  std::vector<Object> objects = deflated.content->objects;
  objects.push_back(deflated.root);
  for (const Object& object : objects) {
    const std::string front = PushObjectRequestFront(peer.node_id(), run_id, object.id,
                                                     announced.session_id(), object.size());
    flwr::proto::PushObjectResponse pushed;
    pushed.ParseFromString(peer.Call("push-object", front + std::string(object.head.view()) +
                                                        std::string(object.body.view()))
                               .body);
    EXPECT_EQ(pushed.stored(), std::count(announced.objects_to_push().begin(),
                                          announced.objects_to_push().end(), object.id) == 1);
  }
  const auto replies = (*grid)->PullMessages(*ids, std::chrono::seconds(20));
  ASSERT_THAT(replies, IsOk());
  ASSERT_EQ(replies->size(), 1u);
  EXPECT_EQ(replies->front().content(), content);
}

TEST_F(FleetHttpNodesTest, ServesManyNodesAtOnce) {
  constexpr int kNodes = 8;
  constexpr int kCalls = 25;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kNodes; ++i) {
    threads.emplace_back([&] {
      FleetPeer peer(port());
      if (peer.Join() == 0) return;
      for (int call = 0; call < kCalls; ++call) {
        if (peer.Call("pull-messages", peer.PullBody()).status == 200) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(good, kNodes * kCalls);
}

}  // namespace
}  // namespace flwrcpp::internal
