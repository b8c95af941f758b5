// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "crypto/node_auth.h"
#include "superlink/http/control_routes.h"
#include "superlink/http/http_listener.h"
#include "superlink/io_threads.h"
#include "tests/support/raw_http_client.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"
#include "tests/support/test_fab.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::RawHttpResponse;
using nlohmann::json;

constexpr char kProtobuf[] = "Content-Type: application/protobuf\r\n";

/// The Control API behind a real listener. The parameter says whether it speaks TLS.
class ControlHttpTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    AddControlRoutes(service_, notifier_, router_);
    HttpListenerOptions options{
        .host = "127.0.0.1", .port = 0, .certificate = std::nullopt, .limits = {}};
    if (GetParam()) {
      const auto certificate = flwrcpp::testing::MakeTestCertificate();
      options.certificate = ServerCertificate{certificate.certificate, certificate.private_key};
      root_certificates_ = certificate.certificate;
    }
    auto listener = HttpListener::Start(threads_.io(), router_, std::move(options));
    ASSERT_THAT(listener, IsOk());
    listener_ = *std::move(listener);
  }

  void TearDown() override { Stop(); }

  void Stop() {
    service_.Stop();
    listener_->Stop();
    threads_.Stop();
  }

  RawHttpClient Connect() {
    return GetParam() ? RawHttpClient(listener_->port(), root_certificates_)
                      : RawHttpClient(listener_->port());
  }

  RawHttpResponse Call(const std::string& name, const std::string& body,
                       const std::string& lines = kProtobuf) {
    RawHttpClient client = Connect();
    client.Send(PostRequest("/v1/control/" + name, lines, body));
    return client.Receive().value_or(RawHttpResponse());
  }

  std::uint64_t StartRun() {
    flwr::proto::StartRunRequest request;
    request.mutable_fab()->set_content(flwrcpp::testing::MakeZip(
        {{"pyproject.toml", flwrcpp::testing::TestPyproject("lr = 0.1\n")}}));
    const RawHttpResponse response = Call("start-run", request.SerializeAsString());
    EXPECT_EQ(response.status, 200);
    flwr::proto::StartRunResponse started;
    EXPECT_TRUE(started.ParseFromString(response.body));
    return started.run_id();
  }

  void Finish(std::uint64_t run_id) { EXPECT_THAT(runs_.Finish(run_id, "stopped", ""), IsOk()); }

  static std::string LogRequest(std::uint64_t run_id, double after = 0,
                                const std::string& version = "1.1") {
    flwr::proto::StreamLogsRequest request;
    request.set_run_id(run_id);
    request.set_after_timestamp(after);
    std::string text =
        PostRequest("/v1/control/stream-logs", kProtobuf, request.SerializeAsString());
    text.replace(text.find("HTTP/1.1") + 5, 3, version);
    return text;
  }

  /// Sends a request for a log and reads the header of its answer.
  std::string OpenLog(RawHttpClient& client, std::uint64_t run_id) {
    client.Send(LogRequest(run_id));
    return client.ReceiveUntil("\r\n\r\n").value_or("");
  }

  /// The text of the next frame, which is a chunk of its own; "" at the end.
  static std::string NextText(RawHttpClient& client) {
    const std::size_t size = std::stoul(client.ReceiveUntil("\r\n").value_or("0"), nullptr, 16);
    const std::string chunk = client.ReceiveBytes(size + 2).value_or("");
    EXPECT_TRUE(chunk.ends_with("\r\n"));
    return size == 0 ? "" : TextOf(chunk.substr(0, size));
  }

  static std::string TextOf(const std::string& frame) {
    flwr::proto::StreamLogsResponse response;
    if (frame.size() < 4) return "no frame";
    std::size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(frame[i]);
    EXPECT_EQ(frame.size(), size + 4);
    EXPECT_TRUE(response.ParseFromString(frame.substr(4)));
    EXPECT_GT(response.latest_timestamp(), 0);
    return response.log_output();
  }

  State state_ = MakeMemoryState();
  Notifier notifier_;
  Runs runs_{state_, notifier_, UnixSeconds};
  ControlService service_{state_, notifier_, runs_, UnixSeconds};
  HttpRouter router_;
  // With one thread nothing is answered while a stream holds it.
  IoThreads threads_{1};
  std::string root_certificates_;
  std::unique_ptr<HttpListener> listener_;
};
INSTANTIATE_TEST_SUITE_P(Tls, ControlHttpTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(ControlHttpTest, AnswersInProtobuf) {
  const std::uint64_t run_id = StartRun();

  const RawHttpResponse response = Call("list-runs", "");

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), "application/protobuf");
  flwr::proto::ListRunsResponse listed;
  ASSERT_TRUE(listed.ParseFromString(response.body));
  EXPECT_TRUE(listed.run_dict().contains(run_id));
}

TEST_P(ControlHttpTest, RefusesWhatIsNoProtobuf) {
  for (const char* name : {"start-run", "stream-logs", "list-apps"}) {
    const RawHttpResponse response = Call(name, "{}", "Content-Type: application/json\r\n");
    EXPECT_EQ(response.status, 415) << name;
    EXPECT_EQ(json::parse(response.body).at("code"), 1002);
  }
  for (const char* name : {"start-run", "stream-logs", "register-node"}) {
    const RawHttpResponse response = Call(name, "\xff\xff");
    EXPECT_EQ(response.status, 400) << name;
    EXPECT_EQ(json::parse(response.body).at("code"), 1003);
  }
}

TEST_P(ControlHttpTest, SaysByItsNumberWhyItRefuses) {
  flwr::proto::StopRunRequest request;
  request.set_run_id(5);
  for (const char* name : {"stop-run", "stream-logs", "list-runs"}) {  // all begin with the id
    const RawHttpResponse response = Call(name, request.SerializeAsString());
    EXPECT_EQ(response.status, 404) << name;
    EXPECT_EQ(json::parse(response.body).at("code"), 16);
  }
  EXPECT_EQ(Call("pull-artifacts", "").status, 501);
}

TEST_P(ControlHttpTest, TakesAnyTokenAndRefusesWhatIsNone) {
  const std::string type = kProtobuf;
  EXPECT_EQ(Call("list-runs", "", type + "Authorization: bearer x\r\n").status, 200);
  for (const char* lines :
       {"Authorization: Basic x\r\n", "Authorization: Bearer\r\n", "Authorization: Bearer \r\n",
        "Authorization:\r\n", "Authorization: Bearer x\r\nAuthorization: Bearer x\r\n"}) {
    for (const char* name : {"list-runs", "stream-logs", "list-apps"}) {
      // Who calls is asked before what the call is.
      const RawHttpResponse response = Call(name, "\xff", lines);
      EXPECT_EQ(response.status, 401) << lines;
      EXPECT_EQ(response.headers.at("www-authenticate"), "Bearer");
      EXPECT_FALSE(json::parse(response.body).contains("code"));
    }
    EXPECT_EQ(Call("get-login-details", "", type + lines).status, 200);
  }
}

TEST_P(ControlHttpTest, ForbidsToKeepWhatIsSensitive) {
  for (const char* name : {"get-login-details", "get-auth-tokens", "refresh-auth-tokens",
                           "begin-connector-oauth", "complete-connector-oauth"}) {
    const RawHttpResponse response = Call(name, "");
    ASSERT_TRUE(response.headers.contains("cache-control")) << name;
    EXPECT_EQ(response.headers.at("cache-control"), "no-store");
    EXPECT_EQ(response.headers.at("pragma"), "no-cache");
  }
  EXPECT_FALSE(Call("list-runs", "").headers.contains("cache-control"));
}

TEST_P(ControlHttpTest, SaysThatItManagesNoFederations) {
  for (const char* name : {"create-federation", "list-invitations", "list-apps", "list-run-series",
                           "start-automation", "stream-run-events"}) {
    const RawHttpResponse response = Call(name, "");
    EXPECT_EQ(response.status, 501) << name;
    EXPECT_EQ(json::parse(response.body).at("code"), 1);
  }
  EXPECT_EQ(Call("no-such-call", "").status, 404);
}

TEST_P(ControlHttpTest, LogIsFollowedUntilTheRunHasFinished) {
  const std::uint64_t run_id = StartRun();
  ASSERT_THAT(runs_.Log(run_id, "before\n"), IsOk());
  RawHttpClient client = Connect();

  const std::string header = OpenLog(client, run_id);
  EXPECT_TRUE(header.starts_with("HTTP/1.1 200")) << header;
  EXPECT_NE(header.find("Content-Type: application/flower-protobuf-stream\r\n"), header.npos);
  EXPECT_NE(header.find("Transfer-Encoding: chunked\r\n"), header.npos);
  EXPECT_EQ(NextText(client), "before\n");
  for (const char* text : {"live 1\n", "live 2\n"}) {
    ASSERT_THAT(runs_.Log(run_id, text), IsOk());
    EXPECT_EQ(NextText(client), text);
  }
  Finish(run_id);
  EXPECT_EQ(NextText(client), "");

  // The connection goes on.
  client.Send(PostRequest("/v1/control/list-runs", kProtobuf, ""));
  const auto next = client.Receive();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->status, 200);
}

// Stock clients give up when no header comes.
TEST_P(ControlHttpTest, HeaderOfALogDoesNotWaitForTheLog) {
  const std::uint64_t run_id = StartRun();
  RawHttpClient client = Connect();

  EXPECT_TRUE(OpenLog(client, run_id).starts_with("HTTP/1.1 200"));
  // Nor do other calls, of which the only thread takes care.
  EXPECT_EQ(Call("list-runs", "").status, 200);
}

TEST_P(ControlHttpTest, LogBeginsAfterTheGivenTime) {
  const std::uint64_t run_id = StartRun();
  ASSERT_THAT(runs_.Log(run_id, "old\n"), IsOk());
  const double read_until = service_.ReadLog(run_id, 0)->response.latest_timestamp();
  ASSERT_THAT(runs_.Log(run_id, "new\n"), IsOk());
  Finish(run_id);
  RawHttpClient client = Connect();

  client.Send(LogRequest(run_id, read_until));
  const auto response = client.Receive();

  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(TextOf(response->body), "new\n");
}

TEST_P(ControlHttpTest, LogEndsByClosingForHttp10) {
  const std::uint64_t run_id = StartRun();
  ASSERT_THAT(runs_.Log(run_id, "all\n"), IsOk());
  Finish(run_id);
  RawHttpClient client = Connect();

  client.Send(LogRequest(run_id, 0, "1.0"));
  const std::string header = client.ReceiveUntil("\r\n\r\n").value_or("");

  EXPECT_EQ(header.find("Transfer-Encoding"), header.npos);
  EXPECT_EQ(header.find("Content-Length"), header.npos);
  EXPECT_NE(header.find("Connection: close\r\n"), header.npos);
  const std::string size = client.ReceiveBytes(4).value_or("\xff\xff\xff\xff");
  EXPECT_EQ(TextOf(size + client.ReceiveBytes(static_cast<unsigned char>(size[3])).value_or("")),
            "all\n");
  EXPECT_EQ(client.ReceiveBytes(1), std::nullopt);
}

TEST_P(ControlHttpTest, LogOfAPeerThatLeftIsLetGo) {
  const std::uint64_t run_id = StartRun();
  for (const bool abruptly : {false, true}) {
    RawHttpClient client = Connect();
    ASSERT_TRUE(OpenLog(client, run_id).starts_with("HTTP/1.1 200"));
    client.Close(abruptly);
  }
  // Nothing is said any more in the run that could show that they have gone.
  listener_->Stop();
}

// Who follows it sees that it is not all of it.
TEST_P(ControlHttpTest, LogIsBrokenOffWhenTheSuperLinkStops) {
  const std::uint64_t run_id = StartRun();
  ASSERT_THAT(runs_.Log(run_id, "before\n"), IsOk());
  RawHttpClient client = Connect();
  OpenLog(client, run_id);
  EXPECT_EQ(NextText(client), "before\n");

  Stop();

  EXPECT_EQ(client.ReceiveBytes(1), std::nullopt);
}

TEST_P(ControlHttpTest, ManyFollowOneLog) {
  const std::uint64_t run_id = StartRun();
  std::vector<RawHttpClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(OpenLog(clients.back(), run_id).starts_with("HTTP/1.1 200"));
  }
  const std::string large(std::size_t{1} << 20, 'x');
  ASSERT_THAT(runs_.Log(run_id, large), IsOk());
  for (RawHttpClient& client : clients) EXPECT_EQ(NextText(client), large);
  Finish(run_id);
  for (RawHttpClient& client : clients) EXPECT_EQ(NextText(client), "");
}

}  // namespace
}  // namespace flwrcpp::internal
