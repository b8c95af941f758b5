// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/classic/classic_node_session.h"

#include <gtest/gtest.h>

#include <atomic>

#include "superlink/classic/classic_listener.h"
#include "superlink/io_threads.h"
#include "tests/support/fake_classic_client.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::FakeClassicClient;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

/// A state in which time passes only when a test says so.
class ClassicNodeSessionTest : public ::testing::Test {
 protected:
  std::size_t Online() { return state_.link_state->OnlineNodes(now_).value().size(); }

  std::atomic<double> now_{1'800'000'000};
  const State state_ = MakeMemoryState();
  Notifier notifier_;
  MessageExchange exchange_{state_, notifier_, [this] { return now_.load(); }};
  const ClassicContext context_{state_, notifier_, exchange_, [this] { return now_.load(); }};
};

TEST_F(ClassicNodeSessionTest, IsANodeThatIsUnregisteredAtItsEnd) {
  auto session = ClassicNodeSession::Join(context_);
  ASSERT_THAT(session, IsOk());
  const std::uint64_t node_id = (*session)->node_id();
  EXPECT_EQ(state_.link_state->GetNode(node_id, now_)->status, NodeStatus::kOnline);

  session->reset();

  EXPECT_EQ(state_.link_state->GetNode(node_id, now_)->status, NodeStatus::kUnregistered);
}

TEST_F(ClassicNodeSessionTest, IsOnlineAsLongAsItIsKeptAlive) {
  const auto session = ClassicNodeSession::Join(context_);
  ASSERT_THAT(session, IsOk());
  for (int i = 0; i < 5; ++i) {
    now_ = now_ + ClassicNodeSession::kKeepAliveInterval;
    ASSERT_EQ(Online(), 1U);
    ASSERT_THAT((*session)->KeepAlive(), IsOk());
  }
  now_ = now_ + 3 * ClassicNodeSession::kKeepAliveInterval;
  EXPECT_EQ(Online(), 0U);
}

TEST_F(ClassicNodeSessionTest, NoticesThatItHasBeenUnregistered) {
  const auto session = ClassicNodeSession::Join(context_);
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(state_.link_state->UnregisterNode((*session)->node_id(), now_), IsOk());
  EXPECT_THAT((*session)->KeepAlive(), StatusIs(StatusCode::kNotFound));
}

TEST_F(ClassicNodeSessionTest, RefusesMoreStreamsThanAllowedUntilOneEnds) {
  IoThreads threads(1);
  ClassicListenerOptions options;
  options.server.host = "127.0.0.1";
  options.server.max_request_bytes = 1'000'000;
  options.max_streams = 1;
  const auto listener = ClassicListener::Start(threads.io(), context_, options);
  ASSERT_THAT(listener, IsOk());
  FakeClassicClient first((*listener)->port());
  FakeClassicClient second((*listener)->port());
  EXPECT_THAT(second.Result(), StatusIs(StatusCode::kUnavailable, "no room"));

  first.HalfClose();
  EXPECT_THAT(first.Result(), IsOk());

  // Its place is free a moment after the client has heard of the end.
  Status status;
  for (int i = 0; i < 10'000; ++i) {
    FakeClassicClient third((*listener)->port());
    third.HalfClose();
    status = third.Result();
    if (status.ok()) break;
  }
  EXPECT_THAT(status, IsOk());
}

}  // namespace
}  // namespace flwrcpp::internal
