// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "flwr/proto/runtime.pb.h"
#include "tests/unit/server/runtime_http_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpClient;
using flwrcpp::testing::RawHttpResponse;

/// Calls that wait.
class ParkedRuntimeTest : public RuntimeHttpTest {
 protected:
  void SetUp() override {
    SuperLinkOptions options = AppOptions();
    options.pull_wait = std::chrono::seconds(25);  // beyond the patience of RawHttpClient
    Restart(std::move(options));
    for (FleetPeer* peer : {&first_, &second_}) {
      peer->Reconnect(superlink_->http_port());
      ASSERT_NE(peer->Join(), 0u);
    }
  }

  FleetPeer first_{0};
  FleetPeer second_{0};
};

TEST_F(ParkedRuntimeTest, APullIsAnsweredWhenTheLastReplyComes) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
  RawHttpClient client = Connect();
  client.Send(PullRequest(ids));
  LetOthersBeHandled();
  LetAnswer(second_);
  LetOthersBeHandled();
  LetAnswer(first_);

  EXPECT_EQ(ReceiveReplies(client), std::set<std::string>(ids.begin(), ids.end()));
}

TEST_F(ParkedRuntimeTest, APullOfWhatIsThereDoesNotWait) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
  LetAnswer(first_);
  RawHttpClient client = Connect();

  client.Send(PullRequest({ids[0]}));

  EXPECT_EQ(ReceiveReplies(client), std::set<std::string>{ids[0]});
}

TEST_F(ParkedRuntimeTest, APullTakesWhatThereIsWhenItsTimeIsUp) {
  SuperLinkOptions options = AppOptions();
  options.pull_wait = std::chrono::milliseconds(50);
  Restart(std::move(options));
  for (FleetPeer* peer : {&first_, &second_}) {
    peer->Reconnect(superlink_->http_port());
    ASSERT_NE(peer->Join(), 0u);
  }
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
  RawHttpClient client = Connect();
  client.Send(PullRequest(ids));
  EXPECT_TRUE(ReceiveReplies(client).empty());
  LetAnswer(first_);

  client.Send(PullRequest(ids));

  EXPECT_EQ(ReceiveReplies(client), std::set<std::string>{ids[0]});
}

TEST_F(ParkedRuntimeTest, APullEndsWithItsRun) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id()});
  RawHttpClient client = Connect();
  client.Send(PullRequest(ids));
  LetOthersBeHandled();

  StopRun(run_id_);

  const RawHttpResponse response = client.Receive().value_or(RawHttpResponse());
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(CodeOf(response), 1008);
}

TEST_F(ParkedRuntimeTest, APeerThatHangsUpLosesNoReplies) {
  StartApp();
  for (const bool abruptly : {false, true}) {
    SCOPED_TRACE(abruptly);
    const std::vector<std::string> ids = Push({first_.node_id(), second_.node_id()});
    LetAnswer(first_);
    RawHttpClient gone = Connect();
    gone.Send(PullRequest(ids));
    LetOthersBeHandled();
    gone.Close(abruptly);
    LetAnswer(second_);
    RawHttpClient client = Connect();

    client.Send(PullRequest(ids));

    EXPECT_EQ(ReceiveReplies(client), std::set<std::string>(ids.begin(), ids.end()));
  }
}

TEST_F(ParkedRuntimeTest, AClaimGetsARunThatIsCreatedMeanwhile) {
  RawHttpClient client = Connect();
  client.Send(ClaimRequest());
  LetOthersBeHandled();

  const std::uint64_t run_id = CreateRun();

  const auto claimed = ReceiveClaim(client);
  EXPECT_EQ(claimed.task().run_id(), run_id);
  EXPECT_EQ(claimed.token().size(), 256u);
}

TEST_F(ParkedRuntimeTest, APeerThatHangsUpGetsNoRun) {
  for (const bool abruptly : {false, true}) {
    SCOPED_TRACE(abruptly);
    RawHttpClient gone = Connect();
    gone.Send(ClaimRequest());
    LetOthersBeHandled();
    gone.Close(abruptly);
    const std::uint64_t run_id = CreateRun();
    RawHttpClient client = Connect();

    client.Send(ClaimRequest());

    EXPECT_EQ(ReceiveClaim(client).task().run_id(), run_id);
  }
}

TEST_F(ParkedRuntimeTest, OnlyOneOfManyClaimsGetsARun) {
  std::vector<RawHttpClient> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(Connect());
    clients.back().Send(ClaimRequest());
  }
  LetOthersBeHandled();

  CreateRun();

  int claims = 0;
  for (RawHttpClient& client : clients) claims += ReceiveClaim(client).token().empty() ? 0 : 1;
  EXPECT_EQ(claims, 1);
}

TEST_F(ParkedRuntimeTest, CallsThatWaitAreAnsweredWhenTheSuperLinkStops) {
  StartApp();
  const std::vector<std::string> ids = Push({first_.node_id()});
  RawHttpClient pull = Connect();
  pull.Send(PullRequest(ids));
  RawHttpClient claim = Connect();
  claim.Send(ClaimRequest());
  LetOthersBeHandled();

  superlink_->Stop();

  EXPECT_TRUE(ReceiveReplies(pull).empty());
  EXPECT_TRUE(ReceiveClaim(claim).token().empty());
}

}  // namespace
}  // namespace flwrcpp::internal
