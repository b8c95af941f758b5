// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/message.h"

#include <gtest/gtest.h>

namespace flwrcpp {
namespace {

Message AnInstruction() {
  Metadata metadata;
  metadata.run_id = 7;
  metadata.message_id = std::string(64, 'a');
  metadata.src_node_id = kSuperLinkNodeId;
  metadata.dst_node_id = 42;
  metadata.group_id = "3";
  metadata.created_at = 1000;
  metadata.ttl = 60;
  metadata.message_type = "train";
  metadata.src_task_id = 5;
  return {metadata, RecordDict()};
}

TEST(Message, AReplyGoesBackAndLivesAsLongAsItsInstruction) {
  const Message reply = Message::ReplyTo(AnInstruction(), RecordDict(), 1010);

  const Metadata& metadata = reply.metadata();
  EXPECT_EQ(metadata.run_id, 7U);
  EXPECT_EQ(metadata.message_id, "");
  EXPECT_EQ(metadata.src_node_id, 42U);
  EXPECT_EQ(metadata.dst_node_id, kSuperLinkNodeId);
  EXPECT_EQ(metadata.reply_to_message_id, std::string(64, 'a'));
  EXPECT_EQ(metadata.group_id, "3");
  EXPECT_EQ(metadata.created_at, 1010);
  EXPECT_EQ(metadata.ttl, 50);
  EXPECT_EQ(metadata.message_type, "train");
  EXPECT_EQ(metadata.src_task_id, std::nullopt);
  EXPECT_EQ(metadata.dst_task_id, 5U);
}

TEST(Message, AnErrorReplyHasNoContent) {
  const Message reply = Message::ErrorReplyTo(AnInstruction(), Error{2, "why"}, 1010);

  EXPECT_FALSE(reply.has_content());
  ASSERT_TRUE(reply.has_error());
  EXPECT_EQ(reply.error(), (Error{2, "why"}));
  EXPECT_TRUE(reply.content().empty());
}

TEST(Message, InstructionsShareOneContent) {
  const auto content = std::make_shared<const RecordDict>();

  const Message a = Message::Instruction(content, 2, "train");
  const Message b = Message::Instruction(content, 3, "train");

  EXPECT_EQ(&a.content(), &b.content());
  EXPECT_EQ(a.metadata().ttl, kDefaultTtlSeconds);
}

TEST(Message, TypesAreFlowersWithAnOptionalIdentifier) {
  for (const char* good : {"train", "evaluate", "query", "system", "train.default", "query._x1",
                           "get_parameters", "get_properties", "reconnect"}) {
    EXPECT_TRUE(IsValidMessageType(good)) << good;
  }
  for (const char* bad : {"", "fit", "train.", "train.1x", "train.a.b", "train.a b",
                          "get_parameters.x", ".train", "Train"}) {
    EXPECT_FALSE(IsValidMessageType(bad)) << bad;
  }
}

}  // namespace
}  // namespace flwrcpp
