// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

std::optional<Message> Echo(const Message& instruction) {
  return Message::ReplyTo(instruction, RecordDict());
}

std::optional<Message> Silence(const Message&) { return std::nullopt; }

std::vector<Message> Instructions(const std::vector<std::uint64_t>& node_ids) {
  const auto content = std::make_shared<RecordDict>();
  std::vector<Message> messages;
  for (const std::uint64_t node_id : node_ids) {
    messages.push_back(Message::Instruction(content, node_id, "train"));
  }
  return messages;
}

class SendAndReceiveTest : public ::testing::Test {
 protected:
  Status Run(const std::vector<std::uint64_t>& node_ids,
             std::optional<std::chrono::duration<double>> timeout) {
    return grid_.SendAndReceive(
        Instructions(node_ids), timeout,
        [this](Message reply) {
          replies_.push_back(std::move(reply));
          return on_reply_;
        },
        stop_.get_token());
  }

  std::vector<std::uint64_t> Sources() const {
    std::vector<std::uint64_t> ids;
    for (const Message& reply : replies_) ids.push_back(reply.metadata().src_node_id);
    return ids;
  }

  FakeGrid grid_;
  std::stop_source stop_;
  std::vector<Message> replies_;
  Status on_reply_;
};

TEST_F(SendAndReceiveTest, HandsOverEachReplyOnce) {
  for (const std::uint64_t id : {1, 2, 3}) grid_.AddNode(id, Echo);
  grid_.newest_reply_first = true;

  EXPECT_THAT(Run({1, 2, 3}, std::nullopt), IsOk());

  EXPECT_THAT(Sources(), ElementsAre(3, 2, 1));
}

TEST_F(SendAndReceiveTest, AsksOnlyForWhatIsMissing) {
  for (const std::uint64_t id : {1, 2, 3}) grid_.AddNode(id, Echo);

  EXPECT_THAT(Run({1, 2, 3}, std::nullopt), IsOk());

  ASSERT_THAT(grid_.pulls, SizeIs(3));
  EXPECT_THAT(grid_.pulls[0], SizeIs(3));
  EXPECT_THAT(grid_.pulls[1],
              ::testing::UnorderedElementsAre(grid_.pulls[0][1], grid_.pulls[0][2]));
  EXPECT_THAT(grid_.pulls[2], SizeIs(1));
}

TEST_F(SendAndReceiveTest, NodesThatDoNotAnswerInTimeAreAbsent) {
  grid_.AddNode(1, Silence);
  grid_.AddNode(2, Echo);

  EXPECT_THAT(Run({1, 2}, std::chrono::milliseconds(30)), IsOk());

  EXPECT_THAT(Sources(), ElementsAre(2));
}

TEST_F(SendAndReceiveTest, WithoutTimeStillTakesWhatIsThere) {
  for (const std::uint64_t id : {1, 2, 3}) grid_.AddNode(id, Echo);
  grid_.AddNode(4, Silence);

  EXPECT_THAT(Run({1, 2, 3, 4}, std::chrono::seconds(0)), IsOk());

  EXPECT_THAT(Sources(), ElementsAre(1, 2, 3));
}

TEST_F(SendAndReceiveTest, ARefusedMessageIsAnsweredByAnErrorOfItsNode) {
  grid_.AddNode(1, Echo);

  EXPECT_THAT(Run({9, 1}, std::nullopt), IsOk());

  EXPECT_THAT(Sources(), ElementsAre(9, 1));
  EXPECT_EQ(replies_[0].error().code, static_cast<std::int64_t>(ErrorCode::kNodeUnavailable));
  EXPECT_EQ(replies_[0].metadata().message_type, "train");
}

TEST_F(SendAndReceiveTest, AnErrorOfTheSuperLinkNamesTheNodeItSpeaksFor) {
  grid_.AddNode(5, [](const Message& instruction) {
    Message error = Message::ErrorReplyTo(instruction, Error{5, "offline"});
    error.metadata().src_node_id = kSuperLinkNodeId;
    return error;
  });

  EXPECT_THAT(Run({5}, std::nullopt), IsOk());

  EXPECT_THAT(Sources(), ElementsAre(5));
}

TEST_F(SendAndReceiveTest, AStopEndsTheWait) {
  grid_.AddNode(1, Silence);
  grid_.on_pull = [this] { stop_.request_stop(); };

  EXPECT_THAT(Run({1}, std::nullopt), StatusIs(StatusCode::kCancelled));
}

TEST_F(SendAndReceiveTest, AnErrorOfTheReceiverEndsTheWait) {
  for (const std::uint64_t id : {1, 2}) grid_.AddNode(id, Echo);
  on_reply_ = absl::DataLossError("full");

  EXPECT_THAT(Run({1, 2}, std::nullopt), StatusIs(StatusCode::kDataLoss, "full"));

  EXPECT_THAT(replies_, SizeIs(1));
}

TEST_F(SendAndReceiveTest, NothingToSendAsksNothing) {
  EXPECT_THAT(Run({}, std::nullopt), IsOk());

  EXPECT_THAT(grid_.pulls, IsEmpty());
}

TEST_F(SendAndReceiveTest, ContentIsLetGoOnceItIsSent) {
  grid_.AddNode(1, Echo);
  bool held = true;
  grid_.on_pull = [&] { held = !grid_.sent_contents[0].expired(); };

  EXPECT_THAT(Run({1}, std::nullopt), IsOk());

  EXPECT_FALSE(held);
}

}  // namespace
}  // namespace flwrcpp
