// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"
#include "tests/unit/server/fleet_http_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::RawHttpResponse;
using nlohmann::json;

using FleetHttpTest = FleetHttpFixture;

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
