// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/superlink.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificate.h"
#include "tests/unit/server/fleet_peer.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::StatusIs;
using flwrcpp::testing::TempDir;

TEST(SuperLinkOptionsCheck, RefusesContradictionsAndNonsense) {
  const auto certificate = flwrcpp::testing::MakeTestCertificate();
  const auto other = flwrcpp::testing::MakeTestCertificate();
  using Change = void (*)(SuperLinkOptions&);
  const Change kChanges[] = {
      [](SuperLinkOptions& o) { o.insecure = false; },
      [](SuperLinkOptions& o) { o.http_port.reset(); },
      [](SuperLinkOptions& o) { o.host.clear(); },
      [](SuperLinkOptions& o) { o.host = "no such host"; },
      [](SuperLinkOptions& o) { o.threads = 0; },
      [](SuperLinkOptions& o) { o.max_request_bytes = 0; },
      [](SuperLinkOptions& o) { o.max_request_bytes = std::size_t{1} << 40; },
      [](SuperLinkOptions& o) { o.pull_wait = std::chrono::seconds(-1); },
      [](SuperLinkOptions& o) { o.pull_wait = std::chrono::minutes(1); },
      [](SuperLinkOptions& o) {
        o.pull_wait = std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN());
      },
  };
  for (const Change change : kChanges) {
    SuperLinkOptions options = TestOptions();
    change(options);
    EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument));
  }
  SuperLinkOptions options = TestOptions();
  options.ssl_certificate = certificate.certificate;
  options.ssl_private_key = certificate.private_key;
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument, "both"));
  options.insecure = false;
  EXPECT_THAT(SuperLink::Start(options), IsOk());
  options.ssl_private_key.clear();
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument, "together"));
  options.ssl_private_key = other.private_key;
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument));
  options.ssl_private_key = "no key";
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument));
  options.ssl_certificate = "no certificate";
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument));
}

TEST(SuperLink, SaysWhenAnAddressIsTaken) {
  SuperLinkOptions options = TestOptions();
  options.grpc_port = 0;
  const auto first = SuperLink::Start(options);
  ASSERT_THAT(first, IsOk());
  EXPECT_NE((*first)->http_port(), 0);
  EXPECT_NE((*first)->grpc_port(), 0);

  options.http_port = (*first)->http_port();
  options.grpc_port.reset();
  EXPECT_THAT(
      SuperLink::Start(options),
      StatusIs(StatusCode::kUnavailable,
               "127.0.0.1:" + std::to_string((*first)->http_port()) + " is already in use"));
  options.http_port.reset();
  options.grpc_port = (*first)->grpc_port();
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kUnavailable, "already in use"));
}

TEST(SuperLink, GivesItsPortsBackWhenItStops) {
  SuperLinkOptions options = TestOptions();
  options.grpc_port = 0;
  auto superlink = SuperLink::Start(options);
  ASSERT_THAT(superlink, IsOk());
  options.http_port = (*superlink)->http_port();
  options.grpc_port = (*superlink)->grpc_port();
  RawHttpClient idle((*superlink)->http_port());

  (*superlink)->Stop();

  EXPECT_TRUE(idle.IsClosed());
  EXPECT_THAT(SuperLink::Start(options), IsOk());
}

TEST(SuperLink, RegistersKeysBeforehand) {
  SuperLinkOptions options = TestOptions();
  options.enable_supernode_auth = true;
  const auto superlink = SuperLink::Start(options);
  ASSERT_THAT(superlink, IsOk());
  FleetPeer peer((*superlink)->http_port());
  EXPECT_EQ(peer.Join(), 0u);

  const auto node_id = (*superlink)->RegisterNode(peer.key().public_pem());

  ASSERT_THAT(node_id, IsOk());
  EXPECT_EQ(peer.Join(), *node_id);
  EXPECT_THAT((*superlink)->RegisterNode(peer.key().public_pem()),
              StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT((*superlink)->RegisterNode("no key"), StatusIs(StatusCode::kInvalidArgument));
}

TEST(SuperLink, AFinishedRunIsOverForItsNodesAndItsServerApp) {
  const auto superlink = SuperLink::Start(TestOptions());
  ASSERT_THAT(superlink, IsOk());
  FleetPeer peer((*superlink)->http_port());
  ASSERT_NE(peer.Join(), 0u);
  const auto grid = (*superlink)->StartRun({});
  ASSERT_THAT(grid, IsOk());
  const std::uint64_t run_id = (*grid)->run_id();
  const auto ids = (*grid)->PushMessages({TestInstruction(peer.node_id())});
  ASSERT_THAT(ids, IsOk());
  std::thread finishing(
      [&] { EXPECT_THAT((*superlink)->FinishRun(run_id, "stopped", "enough"), IsOk()); });

  EXPECT_THAT((*grid)->PullMessages(*ids, std::chrono::minutes(1)),
              StatusIs(StatusCode::kFailedPrecondition));

  finishing.join();
  flwr::proto::PullObjectRequest request;
  request.mutable_node()->set_node_id(peer.node_id());
  request.set_run_id(run_id);
  request.set_object_id(ids->front());
  const auto response = peer.Call("pull-object", request);
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(nlohmann::json::parse(response.body)["code"], 2007);
  EXPECT_THAT((*superlink)->FinishRun(run_id, "completed", ""),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT((*superlink)->FinishRun(run_id + 1, "completed", ""),
              StatusIs(StatusCode::kNotFound));
}

TEST(SuperLink, RunsSeveralRunsSideBySide) {
  const auto superlink = SuperLink::Start(TestOptions());
  ASSERT_THAT(superlink, IsOk());

  const auto first = (*superlink)->StartRun({});
  const auto second = (*superlink)->StartRun({});

  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT((*first)->GetNodeIds(), IsOk());
  EXPECT_THAT((*second)->GetNodeIds(), IsOk());
}

TEST(SuperLink, AGridOutlivesIt) {
  auto superlink = SuperLink::Start(TestOptions());
  ASSERT_THAT(superlink, IsOk());
  const auto grid = (*superlink)->StartRun({});
  ASSERT_THAT(grid, IsOk());

  superlink->reset();

  EXPECT_THAT((*grid)->GetNodeIds(), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT((*grid)->PushMessages({}), StatusIs(StatusCode::kUnavailable));
}

TEST(SuperLink, ADatabaseKeepsNodesAndEndsTheRunsOfADeadProcess) {
  const TempDir directory;
  SuperLinkOptions options = TestOptions();
  options.database = directory.File("state.db");
  auto superlink = SuperLink::Start(options);
  ASSERT_THAT(superlink, IsOk());
  FleetPeer peer((*superlink)->http_port());
  ASSERT_NE(peer.Join(), 0u);
  const auto old_grid = (*superlink)->StartRun({});
  ASSERT_THAT(old_grid, IsOk());
  const std::uint64_t old_run = (*old_grid)->run_id();
  superlink->reset();

  superlink = SuperLink::Start(options);
  ASSERT_THAT(superlink, IsOk());
  peer.Reconnect((*superlink)->http_port());
  const auto grid = (*superlink)->StartRun({});

  ASSERT_THAT(grid, IsOk());
  EXPECT_EQ(*(*grid)->GetNodeIds(), std::vector<std::uint64_t>{peer.node_id()});
  flwr::proto::GetRunRequest request;
  request.mutable_node()->set_node_id(peer.node_id());
  request.set_run_id(old_run);
  EXPECT_EQ(peer.Call("get-run", request).status, 403);
  request.set_run_id((*grid)->run_id());
  EXPECT_EQ(peer.Call("get-run", request).status, 200);
}

}  // namespace
}  // namespace flwrcpp::internal
