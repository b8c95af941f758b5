// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/runtime_relay.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "rpc/runtime_connection.h"
#include "tests/support/fake_http_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::FakeHttpServer;
using flwrcpp::testing::HttpRequest;
using flwrcpp::testing::HttpResponse;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

std::string TaskInput() {
  flwr::proto::PullTaskInputResponse input;
  input.set_task_id(42);
  return input.SerializeAsString();
}

RuntimeConnection ConnectTo(const RuntimeRelay& relay) {
  RuntimeConnection::Options options;
  options.retry.max_retries = 0;
  return RuntimeConnection({"127.0.0.1:" + std::to_string(relay.port()), true, ""},
                           "flwr-serverapp", options, Clock::System());
}

TEST(RuntimeRelay, PassesCallsOnAndAnswersTheInputItself) {
  HttpRequest seen;
  FakeHttpServer upstream([&](const HttpRequest& request) {
    seen = request;
    flwr::proto::GetNodesResponse nodes;
    nodes.add_nodes()->set_node_id(7);
    return HttpResponse{.body = nodes.SerializeAsString()};
  });
  const auto relay = RuntimeRelay::Start({upstream.address(), true, ""}, "secret", TaskInput());
  ASSERT_THAT(relay, IsOk());
  RuntimeConnection app = ConnectTo(**relay);
  app.UseToken("secret");

  const auto input = app.PullTaskInput({});
  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(input->task_id(), 42U);
  EXPECT_EQ(seen.path, "");

  const auto nodes = app.GetNodes({});
  ASSERT_THAT(nodes, IsOk());
  EXPECT_EQ(*nodes, std::vector<std::uint64_t>{7});
  EXPECT_EQ(seen.path, "/v1/runtime/get-nodes");
  EXPECT_EQ(seen.headers["flwr-task-token"], "secret");
  EXPECT_EQ(seen.headers["host"], upstream.address());
  EXPECT_EQ(seen.headers["flwr-component-name"], "flwr-serverapp");
}

TEST(RuntimeRelay, PassesRefusalsOn) {
  FakeHttpServer upstream([](const HttpRequest&) {
    return HttpResponse{.status = 412,
                        .content_type = "application/json",
                        .body = R"({"code": 3004, "detail": "Unexpected node ID."})"};
  });
  const auto relay = RuntimeRelay::Start({upstream.address(), true, ""}, "secret", TaskInput());
  ASSERT_THAT(relay, IsOk());
  RuntimeConnection app = ConnectTo(**relay);
  app.UseToken("secret");

  const auto nodes = app.GetNodes({});

  EXPECT_THAT(nodes.status(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_NE(nodes.status().message().find("3004"), std::string::npos);
}

TEST(RuntimeRelay, ConnectsAnewWhenTheOtherSideClosedAnIdleConnection) {
  int last_connection = 0;
  FakeHttpServer upstream([&](const HttpRequest& request) {
    last_connection = request.connection;
    return HttpResponse{.close_after_answer = true};
  });
  const auto relay = RuntimeRelay::Start({upstream.address(), true, ""}, "secret", TaskInput());
  ASSERT_THAT(relay, IsOk());
  RuntimeConnection app = ConnectTo(**relay);
  app.UseToken("secret");

  for (int i = 1; i <= 3; ++i) {
    EXPECT_THAT(app.GetNodes({}), IsOk());
    EXPECT_EQ(last_connection, i);
  }
}

TEST(RuntimeRelay, RefusesCallsWithoutTheToken) {
  FakeHttpServer upstream([](const HttpRequest&) {
    ADD_FAILURE() << "passed on";
    return HttpResponse();
  });
  const auto relay = RuntimeRelay::Start({upstream.address(), true, ""}, "secret", TaskInput());
  ASSERT_THAT(relay, IsOk());
  RuntimeConnection stranger = ConnectTo(**relay);
  stranger.UseToken("guess");

  EXPECT_THAT(stranger.GetNodes({}), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(stranger.PullTaskInput({}), StatusIs(StatusCode::kUnauthenticated));
}

TEST(RuntimeRelay, SpeaksTlsWithTheOtherSide) {
  const auto certificate = flwrcpp::testing::MakeTestCertificate();
  FakeHttpServer upstream([](const HttpRequest&) { return HttpResponse(); },
                          {certificate.certificate, certificate.private_key});
  const auto trusting =
      RuntimeRelay::Start({upstream.address(), false, certificate.certificate}, "t", TaskInput());
  const auto stranger_certificate = flwrcpp::testing::MakeTestCertificate();
  const auto wary = RuntimeRelay::Start(
      {upstream.address(), false, stranger_certificate.certificate}, "t", TaskInput());
  ASSERT_THAT(trusting, IsOk());
  ASSERT_THAT(wary, IsOk());
  RuntimeConnection first = ConnectTo(**trusting);
  RuntimeConnection second = ConnectTo(**wary);
  first.UseToken("t");
  second.UseToken("t");

  EXPECT_THAT(first.GetNodes({}), IsOk());
  EXPECT_THAT(second.GetNodes({}), StatusIs(StatusCode::kUnavailable));
}

TEST(RuntimeRelay, EndsWhileACallIsUnderWay) {
  std::promise<void> asked;
  std::promise<void> may_answer;
  std::shared_future<void> answer = may_answer.get_future().share();
  FakeHttpServer upstream([&](const HttpRequest&) {
    asked.set_value();
    answer.wait();
    return HttpResponse();
  });
  auto relay = RuntimeRelay::Start({upstream.address(), true, ""}, "t", TaskInput());
  ASSERT_THAT(relay, IsOk());
  RuntimeConnection app = ConnectTo(**relay);
  app.UseToken("t");
  Status status;
  std::thread caller([&] { status = app.GetNodes({}).status(); });
  asked.get_future().wait();

  relay->reset();

  caller.join();
  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable));
  may_answer.set_value();
}

}  // namespace
}  // namespace flwrcpp::internal
