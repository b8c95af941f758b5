// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "crypto/encoding.h"
#include "fleet/fleet_transport.h"
#include "rpc/flower_status.h"
#include "tests/support/deaf_terminal.h"
#include "tests/support/fake_http_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::DeafTerminal;
using ::flwrcpp::testing::FakeHttpServer;
using ::flwrcpp::testing::HttpRequest;
using ::flwrcpp::testing::HttpResponse;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::MakeTestCertificate;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::TestCertificate;

const NodeCredentials kCredentials{"PEM\n", "2026-01-31T12:00:00.000000+00:00", "\x30\x01"};

TransportOptions Insecure(const std::string& address) {
  TransportOptions options;
  options.address = address;
  options.insecure = true;
  return options;
}

TransportOptions Trusting(const std::string& address, const std::string& certificates) {
  TransportOptions options;
  options.address = address;
  options.root_certificates = certificates;
  return options;
}

StatusOr<Bytes> CallWith(FleetTransport& transport, const std::vector<Bytes>& body,
                         const RpcMethod& method = fleet_method::kPullMessages,
                         std::stop_token stop = {}, std::size_t max_response_bytes = 1 << 20) {
  return transport.Call({method, body, kCredentials, max_response_bytes}, std::move(stop));
}

TEST(HttpTransport, PostsTheRequestWithTheHeadersOfASuperNode) {
  HttpRequest seen;
  FakeHttpServer server([&](const HttpRequest& request) {
    seen = request;
    return HttpResponse{.body = "answer"};
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  const StatusOr<Bytes> answer = CallWith(*transport, {Bytes("one "), Bytes("two")});

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->view(), "answer");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/v1/fleet/pull-messages");
  EXPECT_EQ(seen.body, "one two");
  EXPECT_EQ(seen.headers["content-type"], "application/protobuf");
  EXPECT_EQ(seen.headers["accept"], "application/protobuf");
  EXPECT_EQ(seen.headers["content-length"], "7");
  EXPECT_EQ(seen.headers["flwr-package-name"], "flwr");
  EXPECT_EQ(seen.headers["flwr-package-version"], "1.42.0");
  EXPECT_EQ(seen.headers["flwr-component-name"], "SuperNode");
  EXPECT_EQ(seen.headers["flwr-public-key"], "UEVNCg==");
  EXPECT_EQ(seen.headers["flwr-timestamp"], kCredentials.timestamp);
  EXPECT_EQ(seen.headers["flwr-signature"], "MAE=");
  EXPECT_FALSE(seen.headers.contains("expect"));
  EXPECT_FALSE(seen.headers.contains("transfer-encoding"));
}

TEST(HttpTransport, SendsLargeBodiesPieceByPiece) {
  std::string seen;
  FakeHttpServer server([&](const HttpRequest& request) {
    seen = request.body;
    return HttpResponse();
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));
  std::string expected;
  std::vector<Bytes> body;
  for (int i = 0; i < 9; ++i) {
    body.emplace_back(std::string(1'000'003, static_cast<char>('a' + i)));
    expected += body.back().view();
  }
  body.emplace_back("");

  EXPECT_THAT(CallWith(*transport, body, fleet_method::kPushObject), IsOk());

  EXPECT_TRUE(seen == expected);
}

TEST(HttpTransport, ReceivesLargeAnswers) {
  const std::string content(7'000'001, 'x');
  FakeHttpServer server([&](const HttpRequest&) { return HttpResponse{.body = content}; });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  const StatusOr<Bytes> answer =
      CallWith(*transport, {}, fleet_method::kPullObject, {}, content.size());

  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(answer->view() == content);
}

TEST(HttpTransport, RefusesAnswersLongerThanAllowed) {
  FakeHttpServer server(
      [](const HttpRequest&) { return HttpResponse{.body = std::string(1001, 'x')}; });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  EXPECT_THAT(CallWith(*transport, {}, fleet_method::kPullMessages, {}, 1001), IsOk());
  EXPECT_THAT(CallWith(*transport, {}, fleet_method::kPullMessages, {}, 1000),
              StatusIs(StatusCode::kResourceExhausted, "longer than 1000 bytes"));
}

TEST(HttpTransport, KeepsItsConnection) {
  int connection = 0;
  FakeHttpServer server([&](const HttpRequest& request) {
    connection = request.connection;
    return HttpResponse();
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  for (int i = 0; i < 3; ++i) EXPECT_THAT(CallWith(*transport, {}), IsOk());

  EXPECT_EQ(connection, 1);
}

TEST(HttpTransport, ReplacesAConnectionThatTheSuperLinkClosed) {
  FakeHttpServer server([](const HttpRequest& request) {
    return HttpResponse{.body = std::to_string(request.body.size()), .close_after_answer = true};
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  for (int i = 0; i < 5; ++i) {
    const StatusOr<Bytes> answer = CallWith(*transport, {Bytes(std::string(100'000, 'x'))});
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->view(), "100000");
  }
}

TEST(HttpTransport, ThreadsCallAtTheSameTime) {
  std::mutex mutex;
  std::condition_variable all_here;
  int here = 0;
  FakeHttpServer server([&](const HttpRequest& request) {
    // Nobody gets an answer before everybody has asked.
    std::unique_lock lock(mutex);
    ++here;
    all_here.notify_all();
    all_here.wait_for(lock, std::chrono::seconds(20), [&] { return here == 4; });
    return HttpResponse{.body = request.body};
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  std::vector<std::string> answers(4);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        answers[static_cast<std::size_t>(i)] =
            CallWith(*transport, {Bytes(std::to_string(i))}).value_or(Bytes()).view();
      });
    }
  }

  EXPECT_EQ(answers, (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST(HttpTransport, FollowsRedirectsWithTheWholeRequest) {
  std::string body;
  FakeHttpServer server([&](const HttpRequest& request) {
    if (request.path == "/v1/fleet/push-object") {
      return HttpResponse{.status = 307, .headers = {{"location", "/elsewhere"}}};
    }
    body = request.method + " " + request.path + " " + std::to_string(request.body.size());
    return HttpResponse();
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  EXPECT_THAT(CallWith(*transport, {Bytes(std::string(2'000'000, 'x'))}, fleet_method::kPushObject),
              IsOk());

  EXPECT_EQ(body, "POST /elsewhere 2000000");
}

TEST(HttpTransport, ReportsErrorsWithFlowersCode) {
  FakeHttpServer server([](const HttpRequest&) {
    return HttpResponse{.status = 403,
                        .content_type = "application/json",
                        .body = R"({"code": 2007, "detail": "Run is not running"})"};
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  const StatusOr<Bytes> answer = CallWith(*transport, {});

  EXPECT_THAT(answer, StatusIs(StatusCode::kPermissionDenied, "Run is not running"));
  EXPECT_EQ(FlowerCode(answer.status()), 2007);
}

TEST(HttpTransport, DoesNotNameItsReleaseToASuperLinkThatInsistsOnItsOwn) {
  int refused = 0;
  FakeHttpServer server([&](const HttpRequest& request) {
    HttpResponse response;
    if (request.headers.count("flwr-package-version") != 0) {
      ++refused;
      response.status = 412;
      response.content_type = "application/json";
      response.body = R"({"code": 1001, "detail": "another release"})";
    }
    const bool half = request.headers.count("flwr-package-name") !=
                          request.headers.count("flwr-package-version") ||
                      request.headers.count("flwr-component-name") !=
                          request.headers.count("flwr-package-version");
    EXPECT_FALSE(half);
    return response;
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  EXPECT_THAT(CallWith(*transport, {Bytes("x")}), IsOk());
  EXPECT_THAT(CallWith(*transport, {Bytes("x")}), IsOk());

  EXPECT_EQ(refused, 1);
}

TEST(HttpTransport, RefusesAnswersThatAreNotProtobuf) {
  FakeHttpServer server([](const HttpRequest&) {
    return HttpResponse{.content_type = "text/html", .body = "<html>Please log in</html>"};
  });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  EXPECT_THAT(CallWith(*transport, {}), StatusIs(StatusCode::kUnimplemented, "text/html"));
}

TEST(HttpTransport, AConnectionThatBreaksOffIsRetryable) {
  FakeHttpServer server(
      [](const HttpRequest&) { return HttpResponse{.close_without_answer = true}; });
  const auto transport = MakeHttpTransport(Insecure(server.address()));

  const StatusOr<Bytes> answer = CallWith(*transport, {});

  EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable, "does it expect TLS?"));
  EXPECT_TRUE(IsRetryable(answer.status()));
}

TEST(HttpTransport, NobodyListeningIsRetryable) {
  std::string address;
  {
    address = FakeHttpServer([](const HttpRequest&) { return HttpResponse(); }).address();
  }
  const auto transport = MakeHttpTransport(Insecure(address));

  const StatusOr<Bytes> answer = CallWith(*transport, {});

  EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable, address));
  EXPECT_TRUE(IsRetryable(answer.status()));
  EXPECT_FALSE(IsNoHttpAnswer(answer.status()));
}

/// A server that does not answer before it is told to.
class SilentServer {
 public:
  SilentServer()
      : server_([this](const HttpRequest&) {
          std::unique_lock lock(mutex_);
          asked_ = true;
          changed_.notify_all();
          changed_.wait_for(lock, std::chrono::seconds(20), [&] { return released_; });
          return HttpResponse();
        }) {}
  ~SilentServer() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  void WaitUntilAsked() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return asked_; });
  }
  std::string address() const { return server_.address(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool released_ = false;
  FakeHttpServer server_;
};

TEST(HttpTransport, AStopEndsACallThatWaits) {
  SilentServer server;
  const auto transport = MakeHttpTransport(Insecure(server.address()));
  std::stop_source stop;
  const std::jthread stopper([&] {
    server.WaitUntilAsked();
    stop.request_stop();
  });

  EXPECT_THAT(CallWith(*transport, {}, fleet_method::kPullMessages, stop.get_token()),
              StatusIs(StatusCode::kCancelled));
}

TEST(HttpTransport, SilenceForTheMethodsTimeoutIsRetryable) {
  SilentServer server;
  const auto transport = MakeHttpTransport(Insecure(server.address()));
  RpcMethod impatient = fleet_method::kSendNodeHeartbeat;
  impatient.timeout = std::chrono::seconds(1);

  const StatusOr<Bytes> answer = CallWith(*transport, {}, impatient);

  EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable));
  EXPECT_TRUE(IsRetryable(answer.status()));
}

class HttpTransportTlsTest : public ::testing::Test {
 protected:
  const TestCertificate certificate_ = MakeTestCertificate();
  FakeHttpServer server_{[](const HttpRequest&) { return HttpResponse{.body = "answer"}; },
                         {certificate_.certificate, certificate_.private_key}};
};

TEST_F(HttpTransportTlsTest, TalksToASuperLinkWhoseCertificateItTrusts) {
  const auto transport = MakeHttpTransport(Trusting(server_.address(), certificate_.certificate));

  const StatusOr<Bytes> answer = CallWith(*transport, {});

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->view(), "answer");
}

TEST_F(HttpTransportTlsTest, DoesNotTalkToOthersAndSaysSo) {
  for (const std::string& trusted : {MakeTestCertificate().certificate, std::string()}) {
    const auto transport = MakeHttpTransport(Trusting(server_.address(), trusted));

    const StatusOr<Bytes> answer = CallWith(*transport, {});

    EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable, "certificate is not trusted"));
    EXPECT_FALSE(IsRetryable(answer.status()));
  }
}

TEST_F(HttpTransportTlsTest, ChecksTheNameInTheCertificate) {
  const TestCertificate other = MakeTestCertificate("DNS:elsewhere.example");
  FakeHttpServer server([](const HttpRequest&) { return HttpResponse(); },
                        {other.certificate, other.private_key});
  const auto transport = MakeHttpTransport(Trusting(server.address(), other.certificate));

  EXPECT_THAT(CallWith(*transport, {}),
              StatusIs(StatusCode::kUnavailable, "certificate is not trusted"));
}

TEST_F(HttpTransportTlsTest, PlainTextAndTlsDoNotMeet) {
  FakeHttpServer plain([](const HttpRequest&) { return HttpResponse(); });
  const auto expects_tls = MakeHttpTransport(Trusting(plain.address(), certificate_.certificate));
  const auto expects_plain = MakeHttpTransport(Insecure(server_.address()));

  EXPECT_THAT(CallWith(*expects_plain, {}), StatusIs(StatusCode::kUnavailable, "TLS"));
  const StatusOr<Bytes> answer = CallWith(*expects_tls, {});
  EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable, "TLS"));
}

TEST(MakeTransport, RefusesWhatIsNoAddress) {
  for (const char* address :
       {"", "host", "host:", ":8000", "host:0", "host:65536", "host:80x", "http://host:8000",
        "host:8000/path", "host name:8000", "user@host:8000", "[::1:8000", "[host]:8000"}) {
    EXPECT_THAT(MakeTransport(Transport::kAuto, Insecure(address)),
                StatusIs(StatusCode::kInvalidArgument, "host:port"))
        << address;
  }
  for (const char* address : {"127.0.0.1:8000", "super-link.example:1", "[::1]:65535"}) {
    EXPECT_THAT(MakeTransport(Transport::kAuto, Insecure(address)), IsOk()) << address;
  }
}

TEST(MakeTransport, RefusesContradictingOrUnreadableCertificates) {
  TransportOptions options = Insecure("127.0.0.1:8000");
  options.root_certificates = MakeTestCertificate().certificate;
  EXPECT_THAT(MakeTransport(Transport::kHttp, options), StatusIs(StatusCode::kInvalidArgument));

  EXPECT_THAT(MakeTransport(Transport::kGrpc, Trusting("127.0.0.1:8000", "no certificate")),
              StatusIs(StatusCode::kInvalidArgument, "PEM"));
}

TEST(MakeTransport, AsksNobodyForThePassphraseOfAnEncryptedCertificate) {
  const DeafTerminal terminal;

  const auto transport =
      MakeTransport(Transport::kHttp,
                    Trusting("127.0.0.1:8000",
                             "-----BEGIN CERTIFICATE-----\n"
                             "Proc-Type: 4,ENCRYPTED\n"
                             "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n"
                             "\n"
                             "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEaGJq9bx4pYPaFa1zpyloLq7cjk1zT8sG\n"
                             "-----END CERTIFICATE-----\n"));

  EXPECT_THAT(transport, StatusIs(StatusCode::kInvalidArgument, "PEM"));
  EXPECT_FALSE(terminal.asked());
}

}  // namespace
}  // namespace flwrcpp::internal
