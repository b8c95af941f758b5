// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"
#include "tests/unit/server/fleet_peer.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::RawHttpClient;

/// Whether the nodes of a test speak TLS.
class ParkedPullTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    SuperLinkOptions options = TestOptions();
    options.pull_wait = std::chrono::seconds(25);  // beyond the patience of RawHttpClient
    // With one thread a request is handled after those that arrived before it.
    options.threads = 1;
    if (GetParam()) {
      const auto certificate = flwrcpp::testing::MakeTestCertificate();
      options.insecure = false;
      options.ssl_certificate = certificate.certificate;
      options.ssl_private_key = certificate.private_key;
      root_certificates_ = certificate.certificate;
    }
    StatusOr<std::unique_ptr<SuperLink>> started = SuperLink::Start(options);
    ASSERT_THAT(started, IsOk());
    superlink_ = *std::move(started);
    StatusOr<std::shared_ptr<Grid>> grid = superlink_->StartRun({});
    ASSERT_THAT(grid, IsOk());
    grid_ = *std::move(grid);
  }

  std::unique_ptr<FleetPeer> MakePeer() {
    return GetParam() ? std::make_unique<FleetPeer>(superlink_->http_port(), root_certificates_)
                      : std::make_unique<FleetPeer>(superlink_->http_port());
  }

  RawHttpClient Connect() {
    return GetParam() ? RawHttpClient(superlink_->http_port(), root_certificates_)
                      : RawHttpClient(superlink_->http_port());
  }

  std::string Send(std::uint64_t node_id) {
    const auto ids = grid_->PushMessages({TestInstruction(node_id)});
    EXPECT_THAT(ids, IsOk());
    return ids->front();
  }

  std::string root_certificates_;
  std::unique_ptr<SuperLink> superlink_;
  std::shared_ptr<Grid> grid_;
};

TEST_P(ParkedPullTest, IsAnsweredWhenAnInstructionComes) {
  const auto peer = MakePeer();
  ASSERT_NE(peer->Join(), 0u);
  for (int i = 0; i < 5; ++i) {
    peer->SendPull();
    const std::string id = Send(peer->node_id());

    const auto pulled = peer->ReceivePull();

    ASSERT_TRUE(pulled.has_value());
    ASSERT_EQ(pulled->messages_list_size(), 1);
    EXPECT_EQ(pulled->messages_list(0).metadata().message_id(), id);
  }
}

TEST_P(ParkedPullTest, DoesNotKeepOtherNodesWaiting) {
  const auto waiting = MakePeer();
  ASSERT_NE(waiting->Join(), 0u);
  waiting->SendPull();
  const auto other = MakePeer();
  ASSERT_NE(other->Join(), 0u);
  const std::string id = Send(other->node_id());

  other->SendPull();

  EXPECT_EQ(other->ReceivePull()->messages_list(0).metadata().message_id(), id);
}

TEST_P(ParkedPullTest, LosesNothingWhenItsNodeHasGone) {
  for (const bool abruptly : {false, true}) {
    SCOPED_TRACE(abruptly);
    const auto peer = MakePeer();
    ASSERT_NE(peer->Join(), 0u);
    peer->SendPull();
    peer->client().Close(abruptly);
    const std::string id = Send(peer->node_id());

    RawHttpClient again = Connect();
    again.Send(peer->Request("pull-messages", peer->PullBody()));
    const auto response = again.Receive();

    ASSERT_TRUE(response.has_value());
    flwr::proto::PullMessagesResponse pulled;
    ASSERT_TRUE(pulled.ParseFromString(response->body));
    ASSERT_EQ(pulled.messages_list_size(), 1);
    EXPECT_EQ(pulled.messages_list(0).metadata().message_id(), id);
  }
}

TEST_P(ParkedPullTest, EndsWhenItsNodePullsAnew) {
  const auto peer = MakePeer();
  ASSERT_NE(peer->Join(), 0u);
  peer->SendPull();
  // As after a connection broke without a word: the SuperLink takes the old one for alive.
  RawHttpClient again = Connect();
  again.Send("GET /health HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(again.Receive().has_value()) << "tells that the first pull has been read";
  again.Send(peer->Request("pull-messages", peer->PullBody()));

  const auto first = peer->ReceivePull();
  const std::string id = Send(peer->node_id());

  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->messages_list_size(), 0);
  flwr::proto::PullMessagesResponse pulled;
  ASSERT_TRUE(pulled.ParseFromString(again.Receive()->body));
  ASSERT_EQ(pulled.messages_list_size(), 1);
  EXPECT_EQ(pulled.messages_list(0).metadata().message_id(), id);
}

TEST_P(ParkedPullTest, IsAnsweredEmptyWhenTheSuperLinkStops) {
  std::vector<std::unique_ptr<FleetPeer>> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(MakePeer());
    ASSERT_NE(peers.back()->Join(), 0u);
    peers.back()->SendPull();
  }
  // The answer to a later call tells that the pulls have begun.
  for (int i = 0; i < 5; ++i) {
    const auto peer = MakePeer();
    ASSERT_NE(peer->Join(), 0u);
  }

  superlink_->Stop();

  for (const auto& peer : peers) {
    const auto pulled = peer->ReceivePull();
    // A pull that had not been read yet finds a closed connection.
    if (pulled.has_value()) {
      EXPECT_EQ(pulled->messages_list_size(), 0);
    }
    EXPECT_TRUE(peer->client().IsClosed());
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, ParkedPullTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "Tls" : "Plain"; });

TEST(PullWait, AnswersEmptyAfterItsTime) {
  SuperLinkOptions options = TestOptions();
  options.pull_wait = std::chrono::milliseconds(50);
  StatusOr<std::unique_ptr<SuperLink>> superlink = SuperLink::Start(options);
  ASSERT_THAT(superlink, IsOk());
  FleetPeer peer((*superlink)->http_port());
  ASSERT_NE(peer.Join(), 0u);

  for (int i = 0; i < 3; ++i) {
    peer.SendPull();
    const auto pulled = peer.ReceivePull();
    ASSERT_TRUE(pulled.has_value());
    EXPECT_EQ(pulled->messages_list_size(), 0);
  }
}

}  // namespace
}  // namespace flwrcpp::internal
