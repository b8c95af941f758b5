// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <limits>

#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RepliesTest : public StateTest {
 protected:
  void SetUp() override {
    StateTest::SetUp();
    node_ = OnlineNode("key a");
    run_ = RunningRun();
    sent_ = Send(run_, node_, "m");
    ASSERT_EQ(Next(node_), Id("m"));
  }
  double NextTime(const std::vector<std::string>& ids, double now) {
    const StatusOr<double> time = links().NextReplyTime(run_, ids, now);
    EXPECT_THAT(time, IsOk());
    return time.value_or(-1);
  }
  std::string Confirm(std::uint64_t run_id, const std::string& message_id) {
    const StatusOr<std::string> instruction_id = links().ConfirmReply(run_id, message_id);
    EXPECT_THAT(instruction_id, IsOk());
    return instruction_id.value_or("failed");
  }
  static void ExpectError(const PulledReplies& pulled, ErrorCode code) {
    ASSERT_EQ(pulled.replies.size(), 1);
    ASSERT_TRUE(pulled.replies[0].has_error());
    EXPECT_EQ(pulled.replies[0].error().code, static_cast<std::int64_t>(code));
    EXPECT_EQ(pulled.replies[0].metadata().message_id.size(), 64u);
    EXPECT_EQ(pulled.replies[0].metadata().src_node_id, kSuperLinkNodeId);
    EXPECT_EQ(pulled.replies[0].metadata().dst_node_id, kSuperLinkNodeId);
  }

  std::uint64_t node_ = 0;
  std::uint64_t run_ = 0;
  Message sent_;
};
FLWRCPP_FOR_EACH_STATE(RepliesTest);

TEST_P(RepliesTest, AReplyIsPulledAsItWasUntilItIsConfirmed) {
  const Message reply = Answer(sent_, "r");

  for (int i = 0; i < 2; ++i) {
    const PulledReplies pulled = Pull(run_, {Id("m")});
    ASSERT_EQ(pulled.replies.size(), 1);
    EXPECT_EQ(pulled.replies[0].metadata(), reply.metadata());
    EXPECT_TRUE(pulled.replies[0].has_content());
    EXPECT_THAT(pulled.dropped, IsEmpty());
  }
  EXPECT_EQ(Confirm(run_, Id("r")), Id("m"));

  ExpectError(Pull(run_, {Id("m")}), ErrorCode::kMessageUnavailable);
  EXPECT_EQ(Confirm(run_, Id("r")), "") << "it is gone";
}

TEST_P(RepliesTest, OnlyRepliesOfTheRunAreConfirmed) {
  Answer(sent_, "r");

  EXPECT_EQ(Confirm(RunningRun(), Id("r")), "");
  EXPECT_EQ(Confirm(run_, Id("m")), "");
  EXPECT_EQ(Confirm(run_, Id("unknown")), "");

  EXPECT_EQ(Pull(run_, {Id("m")}).replies.at(0).metadata().message_id, Id("r"));
}

TEST_P(RepliesTest, AnErrorMadeHereStaysTheAnswerUntilItIsConfirmed) {
  const PulledReplies first = Pull(run_, {Id("m")}, kNow + 60);
  ExpectError(first, ErrorCode::kNodeUnavailable);
  ASSERT_THAT(links().AcknowledgeHeartbeat(node_, 30, kNow + 61), IsOk());

  EXPECT_THAT(links().StoreReply(Reply(sent_, "r", kNow + 61), kNow + 61),
              StatusIs(StatusCode::kAlreadyExists));
  EXPECT_EQ(Next(node_, kNow + 61), "");
  const PulledReplies second = Pull(run_, {Id("m")}, kNow + 61);
  ExpectError(second, ErrorCode::kNodeUnavailable);
  EXPECT_EQ(second.replies[0].metadata(), first.replies[0].metadata());

  EXPECT_EQ(Confirm(run_, first.replies[0].metadata().message_id), Id("m"));
  ExpectError(Pull(run_, {Id("m")}, kNow + 61), ErrorCode::kMessageUnavailable);
}

TEST_P(RepliesTest, AnUndeliveredInstructionOfANodeThatIsGoneIsNotHandedOutLater) {
  Send(run_, node_, "n");
  ExpectError(Pull(run_, {Id("n")}, kNow + 60), ErrorCode::kNodeUnavailable);
  ASSERT_THAT(links().AcknowledgeHeartbeat(node_, 30, kNow + 61), IsOk());

  EXPECT_EQ(Next(node_, kNow + 61), "");
  EXPECT_FALSE(*links().HasInstruction(node_, kNow + 61));
}

TEST_P(RepliesTest, AnErrorReplyKeepsItsError) {
  Message reply = Message::ErrorReplyTo(sent_, Error{2, "it raised"}, kNow + 1);
  reply.metadata().message_id = Id("r");
  ASSERT_THAT(links().StoreReply(reply, kNow + 1), IsOk());
  Release(Id("r"));

  const PulledReplies pulled = Pull(run_, {Id("m")});

  ASSERT_EQ(pulled.replies.size(), 1);
  EXPECT_EQ(pulled.replies[0].error(), (Error{2, "it raised"}));
}

TEST_P(RepliesTest, NothingIsSaidWhileTheNodeWorks) {
  const PulledReplies pulled = Pull(run_, {Id("m")}, kNow + 59);

  EXPECT_THAT(pulled.replies, IsEmpty());
  EXPECT_THAT(pulled.dropped, IsEmpty());
}

TEST_P(RepliesTest, AHeldReplyWaitsForItsRelease) {
  ASSERT_THAT(links().StoreReply(Reply(sent_, "r"), kNow + 1), IsOk());

  EXPECT_THAT(Pull(run_, {Id("m")}).replies, IsEmpty());
  const std::string id = Id("r");
  const auto released = links().ReleaseMessages(std::span(&id, 1));

  ASSERT_THAT(released, IsOk());
  ASSERT_EQ(released->released.size(), 1);
  EXPECT_EQ(released->released[0].run_id, run_);
  EXPECT_EQ(released->released[0].dst_node_id, kSuperLinkNodeId);
  EXPECT_EQ(Pull(run_, {Id("m")}).replies.size(), 1);
}

TEST_P(RepliesTest, AnUnknownIdIsAnsweredByMessageUnavailable) {
  const PulledReplies pulled = Pull(run_, {Id("unknown")}, kNow + 5);

  ExpectError(pulled, ErrorCode::kMessageUnavailable);
  const Metadata& metadata = pulled.replies.at(0).metadata();
  EXPECT_EQ(metadata.run_id, run_);
  EXPECT_EQ(metadata.reply_to_message_id, Id("unknown"));
  EXPECT_EQ(metadata.message_type, "system");
  EXPECT_EQ(metadata.group_id, "");
  EXPECT_EQ(metadata.ttl, 0);
  EXPECT_EQ(metadata.created_at, kNow + 5);
  EXPECT_THAT(pulled.dropped, IsEmpty());
}

TEST_P(RepliesTest, AnExpiredInstructionIsMessageUnavailableEvenWithAReply) {
  const Message brief = Send(run_, node_, "brief", kNow, 10);
  Answer(brief, "r", kNow + 1);

  const PulledReplies pulled = Pull(run_, {Id("brief")}, kNow + 10);

  ExpectError(pulled, ErrorCode::kMessageUnavailable);
  EXPECT_THAT(pulled.dropped, UnorderedElementsAre(Id("brief"), Id("r")));
}

TEST_P(RepliesTest, AnExpiredReplyIsReplyUnavailable) {
  Message reply = Reply(sent_, "r");
  reply.metadata().ttl = 5;
  ASSERT_THAT(links().StoreReply(reply, kNow + 1), IsOk());
  Release(Id("r"));

  const PulledReplies pulled = Pull(run_, {Id("m")}, kNow + 6);

  ExpectError(pulled, ErrorCode::kReplyMessageUnavailable);
  EXPECT_EQ(pulled.replies.at(0).metadata().message_type, "train");
  EXPECT_EQ(pulled.replies.at(0).metadata().group_id, "1");
  EXPECT_THAT(pulled.dropped, ElementsAre(Id("r")));
}

TEST_P(RepliesTest, ANodeThatIsPastItsTimeIsNodeUnavailable) {
  const PulledReplies pulled = Pull(run_, {Id("m")}, kNow + 60);

  ExpectError(pulled, ErrorCode::kNodeUnavailable);
  const Metadata& metadata = pulled.replies.at(0).metadata();
  EXPECT_EQ(metadata.message_type, "train");
  EXPECT_EQ(metadata.group_id, "1");
  EXPECT_EQ(metadata.ttl, 3540);
  EXPECT_EQ(metadata.dst_task_id, 77);
  EXPECT_FALSE(metadata.src_task_id.has_value());
  EXPECT_THAT(pulled.dropped, IsEmpty());
}

TEST_P(RepliesTest, ANodeThatLeftIsNodeUnavailableAtOnce) {
  const std::uint64_t unregistered = OnlineNode("key b");
  Send(run_, unregistered, "n");
  ASSERT_THAT(links().UnregisterNode(unregistered, kNow + 1), IsOk());
  ASSERT_THAT(links().DeactivateNode(node_, kNow + 1), IsOk());

  EXPECT_EQ(NextTime({Id("m")}, kNow + 2), kNow + 2);
  EXPECT_EQ(NextTime({Id("n")}, kNow + 2), kNow + 2);
  ExpectError(Pull(run_, {Id("m")}, kNow + 2), ErrorCode::kNodeUnavailable);
  ExpectError(Pull(run_, {Id("n")}, kNow + 2), ErrorCode::kNodeUnavailable);
}

TEST_P(RepliesTest, TheReplyOfANodeThatLeftAfterwardsIsKept) {
  Answer(sent_, "r");
  ASSERT_THAT(links().DeactivateNode(node_, kNow + 2), IsOk());
  ASSERT_THAT(links().UnregisterNode(node_, kNow + 2), IsOk());

  const PulledReplies pulled = Pull(run_, {Id("m")}, kNow + 100);

  ASSERT_EQ(pulled.replies.size(), 1);
  EXPECT_EQ(pulled.replies[0].metadata().message_id, Id("r"));
}

TEST_P(RepliesTest, AHeldReplyOfANodeThatLeftIsDropped) {
  ASSERT_THAT(links().StoreReply(Reply(sent_, "r"), kNow + 1), IsOk());

  const PulledReplies pulled = Pull(run_, {Id("m")}, kNow + 60);

  ExpectError(pulled, ErrorCode::kNodeUnavailable);
  EXPECT_THAT(pulled.dropped, ElementsAre(Id("r")));
  const std::string id = Id("r");
  EXPECT_THAT(links().ReleaseMessages(std::span(&id, 1))->unknown, ElementsAre(id));
}

TEST_P(RepliesTest, PullsManyAtOnceAndEachOnce) {
  Send(run_, node_, "n");
  Answer(sent_, "r");

  const PulledReplies pulled =
      Pull(run_, {Id("n"), Id("m"), Id("unknown"), Id("m"), Id("unknown")});

  ASSERT_EQ(pulled.replies.size(), 2);
  EXPECT_EQ(pulled.replies[0].metadata().reply_to_message_id, Id("m"));
  EXPECT_EQ(pulled.replies[1].metadata().reply_to_message_id, Id("unknown"));
}

TEST_P(RepliesTest, AnotherRunsMessageIsRefusedAndNothingIsTaken) {
  const std::uint64_t other_run = RunningRun();
  Send(other_run, node_, "n");
  Answer(sent_, "r");
  const std::vector ids = {Id("m"), Id("n")};

  EXPECT_THAT(links().PullReplies(run_, ids, kNow + 1), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(links().NextReplyTime(run_, ids, kNow + 1), StatusIs(StatusCode::kPermissionDenied));

  EXPECT_EQ(Pull(run_, {Id("m")}).replies.at(0).metadata().message_id, Id("r"));
}

TEST_P(RepliesTest, NextReplyTimeFollowsNodesAndExpiry) {
  const std::uint64_t steady = OnlineNode("key b");
  ASSERT_THAT(links().AcknowledgeHeartbeat(steady, 1800, kNow), IsOk());
  Send(run_, steady, "n", kNow, 500);

  EXPECT_EQ(NextTime({Id("m"), Id("n")}, kNow + 1), kNow + 60);
  EXPECT_EQ(NextTime({Id("n")}, kNow + 1), kNow + 500);
  EXPECT_EQ(NextTime({}, kNow + 1), std::numeric_limits<double>::infinity());
  EXPECT_LE(NextTime({Id("unknown"), Id("n")}, kNow + 1), kNow + 1);
}

TEST_P(RepliesTest, NextReplyTimeIsNowOnceAReplyIsReleased) {
  ASSERT_THAT(links().StoreReply(Reply(sent_, "r"), kNow + 1), IsOk());
  EXPECT_EQ(NextTime({Id("m")}, kNow + 1), kNow + 60);

  Release(Id("r"));

  EXPECT_LE(NextTime({Id("m")}, kNow + 1), kNow + 1);
}

TEST_P(RepliesTest, AtNextReplyTimeThereIsSomethingToPull) {
  Send(run_, node_, "brief", kNow, 10);

  ExpectError(Pull(run_, {Id("brief")}, NextTime({Id("brief")}, kNow)),
              ErrorCode::kMessageUnavailable);
  ExpectError(Pull(run_, {Id("m")}, NextTime({Id("m")}, kNow)), ErrorCode::kNodeUnavailable);
}

TEST_P(RepliesTest, TheSameReplyAgainIsAcceptedAndKeepsItsState) {
  const Message reply = Answer(sent_, "r");

  EXPECT_THAT(links().StoreReply(reply, kNow + 2), IsOk());

  EXPECT_EQ(Pull(run_, {Id("m")}).replies.size(), 1);
}

TEST_P(RepliesTest, AnotherReplyToTheSameInstructionIsRefused) {
  Answer(sent_, "r");

  EXPECT_THAT(links().StoreReply(Reply(sent_, "s"), kNow + 1),
              StatusIs(StatusCode::kAlreadyExists));
  EXPECT_EQ(Pull(run_, {Id("m")}).replies.at(0).metadata().message_id, Id("r"));
}

TEST_P(RepliesTest, AReplyThatWasDeletedCanComeAgain) {
  ASSERT_THAT(links().StoreReply(Reply(sent_, "r"), kNow + 1), IsOk());
  const std::string id = Id("r");
  ASSERT_THAT(links().DeleteMessages(std::span(&id, 1)), IsOk());
  EXPECT_THAT(Pull(run_, {Id("m")}).replies, IsEmpty());
  EXPECT_EQ(Next(node_), "") << "the instruction counts as delivered still";

  Answer(sent_, "s");

  EXPECT_EQ(Pull(run_, {Id("m")}).replies.at(0).metadata().message_id, Id("s"));
}

TEST_P(RepliesTest, AReplyToNoLiveInstructionIsNotFound) {
  Message stray = Reply(sent_, "r");
  stray.metadata().reply_to_message_id = Id("unknown");
  EXPECT_THAT(links().StoreReply(stray, kNow + 1), StatusIs(StatusCode::kNotFound));

  const Message brief = Send(run_, node_, "brief", kNow, 10);
  Message late = Reply(brief, "r", kNow + 1);
  late.metadata().created_at = kNow + 9.95;
  late.metadata().ttl = 0.1;
  EXPECT_THAT(links().StoreReply(late, kNow + 10), StatusIs(StatusCode::kNotFound));
}

TEST_P(RepliesTest, OnlyTheNodeThatWasAskedMayReplyAndInItsRun) {
  Message by_other = Reply(sent_, "r");
  by_other.metadata().src_node_id = OnlineNode("key b");
  Message in_other = Reply(sent_, "r");
  in_other.metadata().run_id = RunningRun();

  EXPECT_THAT(links().StoreReply(by_other, kNow + 1), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(links().StoreReply(in_other, kNow + 1), StatusIs(StatusCode::kPermissionDenied));
}

TEST_P(RepliesTest, AReplyToAFinishedRunIsRefused) {
  ASSERT_THAT(links().FinishRun(run_, "stopped", "", kNow), IsOk());

  EXPECT_THAT(links().StoreReply(Reply(sent_, "r"), kNow + 1),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST_P(RepliesTest, MayOutliveItsInstructionByATenthOfASecond) {
  Message reply = Reply(sent_, "r");
  reply.metadata().ttl += 0.2;
  EXPECT_THAT(links().StoreReply(reply, kNow + 1), StatusIs(StatusCode::kInvalidArgument));

  reply.metadata().ttl -= 0.11;
  EXPECT_THAT(links().StoreReply(reply, kNow + 1), IsOk());
}

TEST_P(RepliesTest, MalformedOnesAreRefused) {
  const auto broken = [this](auto change) {
    Message message = Reply(sent_, "r");
    change(message.metadata());
    return links().StoreReply(message, kNow + 1);
  };

  EXPECT_THAT(broken([](Metadata& m) { m.message_id = ""; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(broken([](Metadata& m) { m.reply_to_message_id = ""; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(broken([](Metadata& m) { m.src_node_id = kSuperLinkNodeId; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(broken([](Metadata& m) { m.dst_node_id = 2; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(broken([](Metadata& m) { m.ttl = std::nan(""); }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(broken([](Metadata& m) { m.created_at = 5; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(broken([](Metadata& m) { m.message_id = Id("m"); }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(broken([](Metadata&) {}), IsOk());
}

TEST_P(RepliesTest, AReplyOfANodeThatIsOfflineIsAccepted) {
  EXPECT_THAT(links().StoreReply(Reply(sent_, "r", kNow + 100), kNow + 100), IsOk());
}

}  // namespace
}  // namespace flwrcpp::internal
