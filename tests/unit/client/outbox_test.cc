// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/direct_transport.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_fleet.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::DirectTransport;
using ::flwrcpp::testing::FakeClock;
using ::flwrcpp::testing::FakeFleet;
using ::flwrcpp::testing::FleetAnswer;
using ::flwrcpp::testing::FleetError;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() { connection_.UseNodeId(fleet_.node_id()); }

  Outbox MakeOutbox(const std::filesystem::path& directory = {},
                    std::optional<std::uint64_t> max_retries = std::nullopt) {
    return {connection_, clock_, {directory, 1, {max_retries, std::nullopt}}};
  }

  Message Reply(float value = 1) {
    Metadata metadata;
    metadata.run_id = FakeFleet::kRunId;
    metadata.src_node_id = fleet_.node_id();
    metadata.dst_node_id = kSuperLinkNodeId;
    metadata.reply_to_message_id = std::string(64, 'a');
    metadata.created_at = clock_.Unix();
    metadata.ttl = 1000;
    metadata.message_type = "train";
    RecordDict content;
    content.Set("arrays", ArrayRecord{{"w", *Array::From(std::vector<float>{value}, {1})}});
    return {metadata, content};
  }

  static std::vector<std::string> Files(const TempDir& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  FakeFleet fleet_;
  FakeClock clock_;
  FleetConnection connection_{std::make_unique<DirectTransport>(fleet_), EcPrivateKey::Generate(),
                              FleetConnection::Options{{}, 1 << 20}, clock_};
};

TEST_F(OutboxTest, DeliversAReplyWithAllItsObjects) {
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 2.5);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(outbox.empty());
  const std::optional<Message> reply = fleet_.WaitForReply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->content(), Reply().content());
  flwr::proto::PushMessagesRequest request;
  ASSERT_TRUE(request.ParseFromString(fleet_.Requests("PushMessages").at(0)));
  EXPECT_THAT(request.clientapp_runtime_list(), ElementsAre(2.5));
}

TEST_F(OutboxTest, DeliversErrorReplies) {
  Outbox outbox = MakeOutbox();
  outbox.Add(Message(Reply().metadata(), Error{2, "reason"}), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  const std::optional<Message> reply = fleet_.WaitForReply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error(), (Error{2, "reason"}));
}

TEST_F(OutboxTest, AfterALostAnswerOfPushObjectItAsksWhatIsMissing) {
  fleet_.LoseAnswer("PushObject");
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
  EXPECT_EQ(fleet_.Calls("PushMessages"), 2);
  // The object whose answer was lost had arrived and was not sent again.
  EXPECT_EQ(fleet_.Calls("PushObject"), 5);
}

TEST_F(OutboxTest, TheLastAnswerMayBeLostToo) {
  Outbox outbox = MakeOutbox();
  outbox.Add(Message(Reply().metadata(), Error{2, "one object"}), 0);
  fleet_.LoseAnswer("PushObject");

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
  EXPECT_EQ(fleet_.Calls("PushObject"), 1);
  EXPECT_EQ(fleet_.Calls("PushMessages"), 2);
}

TEST_F(OutboxTest, ALostAnswerOfPushMessagesIsNoRefusal) {
  fleet_.LoseAnswer("PushMessages");
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

TEST_F(OutboxTest, AnObjectThatIsNotStoredIsTriedInANewSession) {
  fleet_.Answer("PushObject", {});  // stored = false, as after the end of a session
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
  EXPECT_EQ(fleet_.Calls("PushMessages"), 2);
}

TEST_F(OutboxTest, ObjectsThatAreNeverStoredEndTheAttempts) {
  fleet_.AnswerAlways("PushObject", FleetAnswer{});
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(fleet_.Calls("PushMessages"), 5);
}

TEST_F(OutboxTest, AnInternalErrorIsGivenAFewMoreChances) {
  fleet_.Answer("PushMessages", {500, "Internal Server Error"});
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

TEST_F(OutboxTest, ARefusedReplyIsDroppedAndTheNextOneSent) {
  fleet_.Answer("PushMessages", {});  // an empty list for a new reply
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(1), 0);
  outbox.Add(Reply(2), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(outbox.empty());
  const std::optional<Message> reply = fleet_.WaitForReply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->content(), Reply(2).content());
}

TEST_F(OutboxTest, TheReplyOfARunThatIsOverIsDropped) {
  fleet_.StopRun();
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(fleet_.Calls("PushMessages"), 1);
}

TEST_F(OutboxTest, AnExpiredReplyIsDropped) {
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);
  clock_.Advance(1001);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(fleet_.Calls("PushMessages"), 0);
}

TEST_F(OutboxTest, WithoutASuperLinkTheReplyStays) {
  fleet_.AnswerAlways("PushMessages", FleetError(503, 1005, "not ready"));
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);
  std::stop_source stop;
  stop.request_stop();

  EXPECT_THAT(outbox.Flush(stop.get_token()), StatusIs(StatusCode::kCancelled));
  EXPECT_FALSE(outbox.empty());

  fleet_.AnswerAlways("PushMessages", std::nullopt);
  EXPECT_THAT(outbox.Flush({}), IsOk());
  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

TEST_F(OutboxTest, ASuperLinkThatGoesAwayWhileObjectsArePushedKeepsTheReplyWaiting) {
  for (int i = 0; i < 3; ++i) fleet_.Answer("PushObject", FleetError(503, 1005, "not ready"));
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_TRUE(fleet_.WaitForReply().has_value());
  EXPECT_THAT(clock_.sleeps(), ElementsAre(0.5, 1, 2));
}

TEST_F(OutboxTest, TheRetryLimitHoldsForObjectsToo) {
  fleet_.AnswerAlways("PushObject", FleetError(503, 1005, "not ready"));
  Outbox outbox = MakeOutbox({}, 2);
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), StatusIs(StatusCode::kUnavailable));

  EXPECT_FALSE(outbox.empty());
  EXPECT_EQ(fleet_.Calls("PushObject"), 3);
}

TEST_F(OutboxTest, UnauthenticatedKeepsTheReplyAndSaysSo) {
  fleet_.Answer("PushMessages", {401, "{}"});
  Outbox outbox = MakeOutbox();
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_FALSE(outbox.empty());
}

TEST_F(OutboxTest, RepliesOnDiskOutliveTheProcess) {
  const TempDir directory;
  {
    Outbox outbox = MakeOutbox(directory.path());
    ASSERT_THAT(outbox.Load(), IsOk());
    outbox.Add(Reply(1), 3.5);
    clock_.Advance(1);
    outbox.Add(Reply(2), 4.5);
  }

  Outbox outbox = MakeOutbox(directory.path());
  ASSERT_THAT(outbox.Load(), IsOk());
  EXPECT_THAT(outbox.Flush({}), IsOk());

  EXPECT_EQ(fleet_.WaitForReply()->content(), Reply(1).content());
  EXPECT_EQ(fleet_.WaitForReply()->content(), Reply(2).content());
  EXPECT_THAT(Files(directory), IsEmpty());
}

TEST_F(OutboxTest, AResumedReplyThatHadArrivedIsDone) {
  const TempDir directory;
  Outbox first = MakeOutbox(directory.path());
  first.Add(Reply(), 0);
  Outbox second = MakeOutbox(directory.path());
  ASSERT_THAT(second.Load(), IsOk());
  ASSERT_THAT(first.Flush({}), IsOk());

  EXPECT_THAT(second.Flush({}), IsOk());

  EXPECT_TRUE(second.empty());
}

TEST_F(OutboxTest, RepliesOfAnotherNodeAreLeftAlone) {
  const TempDir directory;
  MakeOutbox(directory.path()).Add(Reply(), 0);
  connection_.UseNodeId(5);

  Outbox outbox = MakeOutbox(directory.path());

  EXPECT_THAT(outbox.Load(), IsOk());
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(Files(directory).size(), 1U);
}

TEST_F(OutboxTest, DamagedFilesAreSkipped) {
  const TempDir directory;
  MakeOutbox(directory.path()).Add(Reply(), 0);
  const std::string file = directory.File(Files(directory).at(0));
  std::ifstream in(file, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(in), {}};

  for (std::size_t size = 0; size < content.size(); size += 29) {
    std::ofstream(file, std::ios::binary) << content.substr(0, size);
    EXPECT_THAT(ReadReply(file), StatusIs(StatusCode::kDataLoss)) << size;
  }
  std::string damaged = content;
  damaged[content.size() - 1] ^= 1;
  std::ofstream(file, std::ios::binary) << damaged;
  Outbox outbox = MakeOutbox(directory.path());
  EXPECT_THAT(outbox.Load(), IsOk());
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, ADirectoryThatCannotBeUsedIsAnError) {
  const TempDir directory;
  std::ofstream(directory.File("file")) << "x";

  EXPECT_THAT(MakeOutbox(directory.path() / "file" / "below").Load(),
              StatusIs(StatusCode::kInvalidArgument, "state directory"));
}

TEST_F(OutboxTest, AReplyThatCannotBeWrittenIsSentFromMemory) {
  const TempDir directory;
  Outbox outbox = MakeOutbox(directory.path() / "gone");
  outbox.Add(Reply(), 0);

  EXPECT_THAT(outbox.Flush({}), IsOk());
  EXPECT_TRUE(fleet_.WaitForReply().has_value());
}

}  // namespace
}  // namespace flwrcpp::internal
