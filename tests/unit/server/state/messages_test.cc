// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <functional>

#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InstructionsTest : public StateTest {
 protected:
  void SetUp() override {
    StateTest::SetUp();
    node_ = OnlineNode("key a");
    run_ = RunningRun();
  }
  /// The id, "" for a refusal, or the error's code.
  std::string Store(const Message& message, double now = kNow) {
    const auto ids = links().StoreInstructions(std::span(&message, 1), now);
    if (!ids.ok()) return absl::StatusCodeToString(ids.status().code());
    EXPECT_EQ(ids->size(), 1);
    return ids->at(0);
  }

  std::uint64_t node_ = 0;
  std::uint64_t run_ = 0;
};
FLWRCPP_FOR_EACH_STATE(InstructionsTest);

TEST_P(InstructionsTest, AReleasedInstructionReachesItsNodeOnceAsItWas) {
  const Message sent = Send(run_, node_, "m");

  const auto received = links().NextInstruction(node_, kNow + 1);

  ASSERT_THAT(received, IsOk());
  ASSERT_TRUE(received->has_value());
  EXPECT_EQ((*received)->metadata(), sent.metadata());
  EXPECT_TRUE((*received)->has_content());
  EXPECT_FALSE((*received)->has_error());
  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, AnErrorIsKeptInAStubButRecordsAreNot) {
  Message with_error = Instruction(run_, node_, "error");
  with_error = Message(with_error.metadata(), Error{-5, "reason"});
  RecordDict records;
  records.Set("config", ConfigRecord());
  const Message with_records(Instruction(run_, node_, "records").metadata(), records);
  const std::vector<Message> messages = {with_error, with_records};
  ASSERT_THAT(links().StoreInstructions(messages, kNow), IsOk());
  Release(Id("error"));
  Release(Id("records"));

  const auto first = links().NextInstruction(node_, kNow);
  const auto second = links().NextInstruction(node_, kNow);

  ASSERT_TRUE(first.ok() && first->has_value() && second.ok() && second->has_value());
  EXPECT_TRUE((*first)->has_error());
  EXPECT_FALSE((*first)->has_content());
  EXPECT_EQ((*first)->error(), (Error{-5, "reason"}));
  EXPECT_TRUE((*second)->has_content());
  EXPECT_TRUE((*second)->content().empty());
}

TEST_P(InstructionsTest, ComesInTheOrderOfArrivalToItsNodeOnly) {
  const std::uint64_t other = OnlineNode("key b");
  // The later one is the older one by its own clock.
  Send(run_, node_, "first", kNow);
  Send(run_, other, "for the other");
  Send(run_, node_, "second", kNow - 100);

  EXPECT_EQ(Next(node_), Id("first"));
  EXPECT_EQ(Next(node_), Id("second"));
  EXPECT_EQ(Next(node_), "");
  EXPECT_EQ(Next(other), Id("for the other"));
  EXPECT_EQ(Next(12345), "");
}

TEST_P(InstructionsTest, AHeldInstructionWaitsForItsRelease) {
  const Message held = Instruction(run_, node_, "held");
  ASSERT_EQ(Store(held), Id("held"));
  Send(run_, node_, "later");

  EXPECT_EQ(Next(node_), Id("later"));
  EXPECT_EQ(Next(node_), "");
  EXPECT_FALSE(*links().HasInstruction(node_, kNow));

  const std::vector ids = {Id("held"), Id("unknown")};
  const StatusOr<ReleaseResult> result = links().ReleaseMessages(ids);

  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->released.size(), 1);
  EXPECT_EQ(result->released[0].message_id, Id("held"));
  EXPECT_EQ(result->released[0].run_id, run_);
  EXPECT_EQ(result->released[0].dst_node_id, node_);
  EXPECT_THAT(result->unknown, ElementsAre(Id("unknown")));
  EXPECT_TRUE(*links().HasInstruction(node_, kNow));
  EXPECT_EQ(Next(node_), Id("held"));
}

TEST_P(InstructionsTest, ReleasingTwiceDeliversOnce) {
  Send(run_, node_, "m");
  Release(Id("m"));
  EXPECT_EQ(Next(node_), Id("m"));
  Release(Id("m"));

  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, AReleaseOutOfOrderKeepsTheOrderOfArrival) {
  ASSERT_EQ(Store(Instruction(run_, node_, "first")), Id("first"));
  ASSERT_EQ(Store(Instruction(run_, node_, "second")), Id("second"));
  Release(Id("second"));
  Release(Id("first"));

  EXPECT_EQ(Next(node_), Id("first"));
  EXPECT_EQ(Next(node_), Id("second"));
}

TEST_P(InstructionsTest, AnUndeliveredOneComesAgainInItsOldPlace) {
  Send(run_, node_, "first");
  Send(run_, node_, "second");
  ASSERT_EQ(Next(node_), Id("first"));

  ASSERT_THAT(links().UndeliverInstruction(Id("first")), IsOk());
  ASSERT_THAT(links().UndeliverInstruction(Id("second")), IsOk());
  ASSERT_THAT(links().UndeliverInstruction(Id("unknown")), IsOk());

  EXPECT_EQ(Next(node_), Id("first"));
  EXPECT_EQ(Next(node_), Id("second"));
  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, AnAnsweredOneIsNotGivenBack) {
  const Message sent = Send(run_, node_, "m");
  ASSERT_EQ(Next(node_), Id("m"));
  Answer(sent, "r");

  ASSERT_THAT(links().UndeliverInstruction(Id("m")), IsOk());

  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, AReplyAfterADeliveryThatWasTakenBackCountsAsDelivery) {
  const Message sent = Send(run_, node_, "m");
  ASSERT_EQ(Next(node_), Id("m"));
  ASSERT_THAT(links().UndeliverInstruction(Id("m")), IsOk());

  Answer(sent, "r");

  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, AnExpiredOneIsNotDelivered) {
  Send(run_, node_, "short", kNow, 10);
  Send(run_, node_, "long", kNow, 100);

  EXPECT_TRUE(*links().HasInstruction(node_, kNow + 10));
  EXPECT_EQ(Next(node_, kNow + 10), Id("long"));
  EXPECT_FALSE(*links().HasInstruction(node_, kNow + 10));
}

TEST_P(InstructionsTest, OnesOfAFinishedRunAreNotDelivered) {
  const std::uint64_t other_run = RunningRun();
  Send(run_, node_, "m");
  Send(other_run, node_, "other");
  ASSERT_THAT(links().FinishRun(run_, "stopped", "", kNow), IsOk());

  EXPECT_EQ(Next(node_), Id("other"));
  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, AreRefusedWithAnEmptyIdForARunOrNodeThatCannotHaveThem) {
  const std::uint64_t registered = *links().CreateNode(Key("key r"), kNow);
  const std::uint64_t gone = OnlineNode("key g");
  ASSERT_THAT(links().UnregisterNode(gone, kNow), IsOk());
  const std::uint64_t finished = RunningRun();
  ASSERT_THAT(links().FinishRun(finished, "completed", "", kNow), IsOk());

  EXPECT_EQ(Store(Instruction(run_, registered, "1")), "");
  EXPECT_EQ(Store(Instruction(run_, gone, "2")), "");
  EXPECT_EQ(Store(Instruction(run_, 12345, "3")), "");
  EXPECT_EQ(Store(Instruction(run_, kSuperLinkNodeId, "4")), "");
  EXPECT_EQ(Store(Instruction(finished, node_, "5")), "");
  EXPECT_EQ(Store(Instruction(12345, node_, "6")), "");
}

TEST_P(InstructionsTest, AreAcceptedForANodeThatIsOffline) {
  EXPECT_EQ(Store(Instruction(run_, node_, "m", kNow + 100), kNow + 100), Id("m"));
  Release(Id("m"));

  EXPECT_EQ(Next(node_, kNow + 100), Id("m"));
}

TEST_P(InstructionsTest, KeepTheOrderOfTheBatchWithGapsForRefusals) {
  const std::vector<Message> batch = {Instruction(run_, node_, "a"), Instruction(run_, 12345, "b"),
                                      Instruction(run_, node_, "c")};

  const auto ids = links().StoreInstructions(batch, kNow);

  ASSERT_THAT(ids, IsOk());
  EXPECT_THAT(*ids, ElementsAre(Id("a"), "", Id("c")));
}

TEST_P(InstructionsTest, NothingOfABatchWithAMalformedOneIsStored) {
  const std::vector<Message> batch = {Instruction(run_, node_, "a"),
                                      Instruction(run_, node_, "b", kNow, std::nan(""))};

  EXPECT_THAT(links().StoreInstructions(batch, kNow), StatusIs(StatusCode::kInvalidArgument));

  EXPECT_THAT(links().GetMessageMetadata(Id("a")), StatusIs(StatusCode::kNotFound));
}

TEST_P(InstructionsTest, MalformedOnesAreRefused) {
  const auto broken = [this](const std::function<void(Metadata&)>& change) {
    Message message = Instruction(run_, node_, "m");
    change(message.metadata());
    return Store(message);
  };
  const std::string refusal = "INVALID_ARGUMENT";

  EXPECT_EQ(broken([](Metadata& m) { m.message_id = ""; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.message_id = "not hex"; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) {
              m.created_at = 1740700799;
              m.ttl = 1e9;
            }),
            refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.created_at = std::nan(""); }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.created_at = INFINITY; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.ttl = 0; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.ttl = -1; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.ttl = std::nan(""); }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.ttl = INFINITY; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) {
              m.created_at = kNow - 10;
              m.ttl = 10;
            }),
            refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.dst_node_id = 0; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.src_node_id = 0; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.src_node_id = 2; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.message_type = ""; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.message_type = "cook"; }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.reply_to_message_id = Id("x"); }), refusal);
  EXPECT_EQ(broken([](Metadata& m) { m.group_id.assign(5000, 'x'); }), refusal);
  EXPECT_EQ(broken([](Metadata&) {}), Id("m"));
}

TEST_P(InstructionsTest, OneWithNeitherContentNorErrorIsRefused) {
  Message message;
  message.metadata() = Instruction(run_, node_, "m").metadata();

  EXPECT_EQ(Store(message), "INVALID_ARGUMENT");
}

TEST_P(InstructionsTest, TheSameOneAgainIsAcceptedAndKeepsItsState) {
  const Message sent = Send(run_, node_, "m");
  ASSERT_EQ(Next(node_), Id("m"));

  EXPECT_EQ(Store(sent), Id("m"));

  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, AnIdThatBelongsToAnotherMessageIsRefused) {
  const Message sent = Send(run_, node_, "m");
  Answer(sent, "r");
  Message other = sent;
  other.metadata().dst_node_id = OnlineNode("key b");
  const std::vector<Message> twins = {Instruction(run_, node_, "t", kNow),
                                      Instruction(run_, node_, "t", kNow + 1)};

  EXPECT_EQ(Store(other), "INVALID_ARGUMENT");
  EXPECT_EQ(Store(Instruction(run_, node_, "r")), "INVALID_ARGUMENT");
  EXPECT_THAT(links().StoreInstructions(twins, kNow), StatusIs(StatusCode::kInvalidArgument));
}

TEST_P(InstructionsTest, ClearingARunTakesItsMessagesOnly) {
  const std::uint64_t other_run = RunningRun();
  const Message sent = Send(run_, node_, "m");
  Answer(sent, "r");
  Send(run_, node_, "n");
  Send(other_run, node_, "other");

  ASSERT_THAT(links().ClearRun(run_), IsOk());
  ASSERT_THAT(links().ClearRun(12345), IsOk());

  for (const char* name : {"m", "r", "n"}) {
    EXPECT_THAT(links().GetMessageMetadata(Id(name)), StatusIs(StatusCode::kNotFound)) << name;
  }
  EXPECT_EQ(Next(node_), Id("other"));
  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, DeletingOneTakesItsReplyWithIt) {
  const Message sent = Send(run_, node_, "m");
  Answer(sent, "r");
  Send(run_, node_, "n");
  const std::vector ids = {Id("m"), Id("n"), Id("unknown")};

  ASSERT_THAT(links().DeleteMessages(ids), IsOk());

  EXPECT_THAT(links().GetMessageMetadata(Id("m")), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().GetMessageMetadata(Id("r")), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(Next(node_), "");
}

TEST_P(InstructionsTest, MetadataTellsWhoMayReadAMessage) {
  const Message sent = Send(run_, node_, "m");
  const Message reply = Answer(sent, "r");

  EXPECT_EQ(*links().GetMessageMetadata(Id("m")), sent.metadata());
  EXPECT_EQ(*links().GetMessageMetadata(Id("r")), reply.metadata());
  EXPECT_THAT(links().GetMessageMetadata(Id("x")), StatusIs(StatusCode::kNotFound));
}

}  // namespace
}  // namespace flwrcpp::internal
