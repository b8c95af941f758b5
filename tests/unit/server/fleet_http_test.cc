// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "flwrcpp/log.h"
#include "records/wire.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"
#include "tests/unit/server/fleet_peer.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::RawHttpResponse;
using nlohmann::json;

constexpr char kProtobuf[] = "Content-Type: application/protobuf\r\n";

class FleetHttpTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(TestOptions()); }

  void Restart(SuperLinkOptions options) {
    superlink_.reset();
    options.pull_wait = pull_wait_;
    StatusOr<std::unique_ptr<SuperLink>> started = SuperLink::Start(std::move(options));
    ASSERT_THAT(started, IsOk());
    superlink_ = *std::move(started);
  }

  std::uint16_t port() const { return superlink_->http_port(); }

  /// Sends bytes over a new connection and reads one response; status 0 if there is none.
  RawHttpResponse Exchange(const std::string& bytes, bool head = false) {
    RawHttpClient client(port());
    client.Send(bytes);
    return client.Receive(head).value_or(RawHttpResponse());
  }

  const std::chrono::seconds pull_wait_{0};
  std::unique_ptr<SuperLink> superlink_;
};

TEST_F(FleetHttpTest, SaysThatItIsUp) {
  EXPECT_EQ(Exchange("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  EXPECT_EQ(Exchange("GET /health?probe=1 HTTP/1.1\r\n\r\n").status, 200);
  const RawHttpResponse head = Exchange("HEAD /health HTTP/1.1\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "0");
}

TEST_F(FleetHttpTest, RoutesAsStockDoes) {
  EXPECT_EQ(Exchange(PostRequest("/v1/fleet/no-such-call", kProtobuf, "")).status, 404);
  EXPECT_EQ(Exchange(PostRequest("/", kProtobuf, "")).status, 404);
  const RawHttpResponse get = Exchange("GET /v1/fleet/pull-messages HTTP/1.1\r\n\r\n");
  EXPECT_EQ(get.status, 405);
  EXPECT_EQ(get.headers.at("allow"), "POST");
  EXPECT_TRUE(json::parse(get.body).contains("detail"));
  const RawHttpResponse slash = Exchange(PostRequest("/v1/fleet/pull-messages/", kProtobuf, ""));
  EXPECT_EQ(slash.status, 307);
  EXPECT_EQ(slash.headers.at("location"), "/v1/fleet/pull-messages");
  EXPECT_EQ(Exchange(PostRequest("/v1/fleet/pull-messages//", kProtobuf, "")).status, 404);
}

TEST_F(FleetHttpTest, RefusesOtherContentTypesBeforeAnythingElse) {
  for (const char* type : {"", "Content-Type: application/json\r\n",
                           "Content-Type: application/protobuf2\r\n", "Content-Type: \r\n"}) {
    SCOPED_TRACE(type);
    const RawHttpResponse response = Exchange(PostRequest("/v1/fleet/pull-messages", type, "\xff"));
    EXPECT_EQ(response.status, 415);
    EXPECT_EQ(json::parse(response.body)["code"], 1002);
    EXPECT_EQ(response.headers.at("content-type"), "application/json");
  }
}

TEST_F(FleetHttpTest, AcceptsParametersAndCaseOfTheContentType) {
  for (const char* type : {"application/protobuf; charset=utf-8", "Application/ProtoBuf",
                           "application/protobuf ;x=y"}) {
    SCOPED_TRACE(type);
    EXPECT_EQ(Exchange(PostRequest("/v1/fleet/pull-messages",
                                   "Content-Type: " + std::string(type) + "\r\n", ""))
                  .status,
              401);
  }
}

TEST_F(FleetHttpTest, RefusesBodiesThatAreNotTheMessageBeforeItLooksWhoSendsThem) {
  for (const char* call : {"register-node", "activate-node", "deactivate-node", "unregister-node",
                           "send-node-heartbeat", "pull-messages", "push-messages", "pull-object",
                           "push-object", "confirm-message-received", "get-run", "get-fab"}) {
    SCOPED_TRACE(call);
    const RawHttpResponse response = Exchange(
        PostRequest("/v1/fleet/" + std::string(call), kProtobuf, "\x0a\xff\xff\xff\xff\x0f"));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(json::parse(response.body)["code"], 1003);
  }
}

TEST_F(FleetHttpTest, ServesManyRequestsOverOneConnection) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);

  for (int i = 0; i < 20; ++i) {
    const RawHttpResponse response = peer.Call("pull-messages", peer.PullBody());
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(response.headers.at("content-length"), "0");
    EXPECT_EQ(response.headers.at("content-type"), "application/protobuf");
    EXPECT_EQ(response.headers.count("connection"), 0u);
  }
}

TEST_F(FleetHttpTest, AnswersRequestsThatComeTogetherInTheirOrder) {
  RawHttpClient client(port());
  client.Send("GET /health HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n" +
              PostRequest("/v1/fleet/get-run", kProtobuf, "") +
              "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");

  EXPECT_EQ(client.Receive()->status, 200);
  EXPECT_EQ(client.Receive()->status, 404);
  EXPECT_EQ(client.Receive()->status, 401);
  EXPECT_EQ(client.Receive()->status, 200);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(FleetHttpTest, KeepsConnectionsAsTheirVersionWants) {
  RawHttpClient old(port());
  old.Send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.Receive()->status, 200);
  EXPECT_TRUE(old.IsClosed());

  RawHttpClient keeping(port());
  for (int i = 0; i < 2; ++i) {
    keeping.Send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(keeping.Receive()->headers.at("connection"), "keep-alive");
  }

  RawHttpClient closing(port());
  closing.Send("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(closing.Receive()->headers.at("connection"), "close");
  EXPECT_TRUE(closing.IsClosed());
}

TEST_F(FleetHttpTest, TakesBodiesInChunksAndAfterContinue) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);
  const std::string body = peer.PullBody();
  const std::string start =
      "POST /v1/fleet/pull-messages HTTP/1.1\r\n" + std::string(kProtobuf) + peer.SignatureLines();

  peer.client().Send(start + "Transfer-Encoding: chunked\r\n\r\n");
  for (const char byte : body) peer.client().Send("1\r\n" + std::string(1, byte) + "\r\n");
  peer.client().Send("0\r\n\r\n");
  EXPECT_EQ(peer.client().Receive()->status, 200);

  peer.client().Send(start + "Expect: 100-continue\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_EQ(peer.client().Receive()->status, 100);
  peer.client().Send(body);
  EXPECT_EQ(peer.client().Receive()->status, 200);
}

TEST_F(FleetHttpTest, RefusesBodiesThatAreTooLargeWithoutReadingThem) {
  SuperLinkOptions options = TestOptions();
  options.max_request_bytes = 10'000;
  Restart(options);

  EXPECT_EQ(
      Exchange(PostRequest("/v1/fleet/get-run", kProtobuf, std::string(10'000, '\xff'))).status,
      400);
  RawHttpClient announcing(port());
  announcing.Send("POST /v1/fleet/get-run HTTP/1.1\r\nContent-Length: 10001\r\n\r\n");
  const auto refusal = announcing.Receive();
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->status, 413);
  EXPECT_TRUE(json::parse(refusal->body).contains("detail"));
  EXPECT_TRUE(announcing.IsClosed());

  // A peer that is still sending gets to read the answer as well.
  EXPECT_EQ(
      Exchange(PostRequest("/v1/fleet/get-run", kProtobuf, std::string(5'000'000, 'x'))).status,
      413);
  RawHttpClient chunked(port());
  chunked.Send("POST /v1/fleet/get-run HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n");
  chunked.Send(std::string(20'000, 'x'));
  EXPECT_EQ(chunked.Receive()->status, 413);
}

TEST_F(FleetHttpTest, RefusesHeadersThatAreTooLarge) {
  EXPECT_EQ(Exchange("GET /health HTTP/1.1\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n").status,
            200);
  EXPECT_EQ(Exchange("GET /health HTTP/1.1\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n").status,
            431);
}

TEST_F(FleetHttpTest, SurvivesWhatIsNotHttp) {
  const std::string kGarbage[] = {
      "\r\n\r\n\r\n\r\n",
      "hello\r\n\r\n",
      "GET\r\n\r\n",
      "GET /health\r\n\r\n",
      "GET /health HTTP/9.9\r\n\r\n",
      "GET  /health HTTP/1.1\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "POST /v1/fleet/get-run HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST /v1/fleet/get-run HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST /v1/fleet/get-run HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
      "POST /v1/fleet/get-run HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
      "GET /health HTTP/1.1\r\nBad header\r\n\r\n",
      "GET /health HTTP/1.1\r\nX: \x01\x02\r\n\r\n",
      std::string("GET /\0 HTTP/1.1\r\n\r\n", 20),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
      std::string(100'000, '\xff'),
  };
  for (const std::string& garbage : kGarbage) {
    SCOPED_TRACE(garbage.substr(0, 70));
    const int status = Exchange(garbage).status;
    EXPECT_TRUE(status == 0 || (status >= 400 && status < 500)) << status;
  }
  EXPECT_EQ(Exchange("GET /health HTTP/1.1\r\n\r\n").status, 200);
}

TEST_F(FleetHttpTest, SurvivesPeersThatLeaveInTheMiddle) {
  const std::string whole = PostRequest("/v1/fleet/get-run", kProtobuf, std::string(100, 'x'));
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    RawHttpClient client(port());
    client.Send(whole.substr(0, size));
    client.Close(size % 2 == 0);
  }
  EXPECT_EQ(Exchange("GET /health HTTP/1.1\r\n\r\n").status, 200);
}

TEST_F(FleetHttpTest, RefusesWhoeverDoesNotProveWhoHeIs) {
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

TEST_F(FleetHttpTest, ANodeSpeaksOnlyForItself) {
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

TEST_F(FleetHttpTest, AnUnregisteredNodeIsNobody) {
  FleetPeer peer(port());
  ASSERT_NE(peer.Join(), 0u);
  flwr::proto::UnregisterNodeFleetRequest unregister;
  unregister.set_node_id(peer.node_id());
  ASSERT_EQ(peer.Call("unregister-node", unregister).status, 200);

  EXPECT_EQ(peer.Call("pull-messages", peer.PullBody()).status, 401);
  EXPECT_EQ(peer.Join(), 0u);
}

TEST_F(FleetHttpTest, RefusalsCarryTheNumberOfTheCatalogue) {
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

TEST_F(FleetHttpTest, ANodeOfAReleaseThatNobodyHasSeenJoinsWithAWarning) {
  FleetPeer peer(port());
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key(peer.key().public_pem());
  ASSERT_EQ(peer.Call("register-node", registration).status, 200);
  flwr::proto::ActivateNodeRequest activation;
  activation.set_public_key(peer.key().public_pem());
  activation.set_heartbeat_interval(30);
  std::vector<std::string> warnings;
  SetLogSink([&](LogLevel level, std::string_view line) {
    if (level == LogLevel::kWarning) warnings.emplace_back(line);
  });

  const RawHttpResponse activated = Exchange(PostRequest(
      "/v1/fleet/activate-node",
      kProtobuf + peer.SignatureLines() +
          "flwr-package-name: flwr\r\nflwr-package-version: 8.7.6\r\nflwr-component-name: x\r\n",
      activation.SerializeAsString()));
  SetLogSink(nullptr);

  EXPECT_EQ(activated.status, 200);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings.front().find("SuperNode of Flower 8.7"), std::string::npos)
      << warnings.front();
}

TEST_F(FleetHttpTest, AMessageAndLargeObjectsTravelBothWays) {
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

TEST_F(FleetHttpTest, ServesManyNodesAtOnce) {
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

TEST_F(FleetHttpTest, SpeaksTls) {
  const auto certificate = flwrcpp::testing::MakeTestCertificate();
  SuperLinkOptions options = TestOptions();
  options.insecure = false;
  options.ssl_certificate = certificate.certificate;
  options.ssl_private_key = certificate.private_key;
  Restart(options);

  FleetPeer peer(port(), certificate.certificate);
  ASSERT_TRUE(peer.client().connected());
  ASSERT_NE(peer.Join(), 0u);
  EXPECT_EQ(peer.Call("pull-messages", peer.PullBody()).status, 200);
  EXPECT_EQ(peer.Call("get-run", std::string(1'000'000, '\xff')).status, 400);
  EXPECT_FALSE(
      RawHttpClient(port(), flwrcpp::testing::MakeTestCertificate().certificate).connected());
  const int plain = Exchange("GET /health HTTP/1.1\r\n\r\n").status;
  EXPECT_EQ(plain, 0);
  EXPECT_EQ(peer.Call("pull-messages", peer.PullBody()).status, 200);
}

}  // namespace
}  // namespace flwrcpp::internal
