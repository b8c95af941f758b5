// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/server/state/state_test.h"

#include "crypto/sha256.h"

namespace flwrcpp::internal {

using flwrcpp::testing::IsOk;

void StateTest::SetUp() {
  if (GetParam() == Implementation::kMemory) {
    state_ = MakeMemoryState();
    return;
  }
  StatusOr<State> opened = OpenSqliteState(directory_.File("state.db"));
  ASSERT_THAT(opened, IsOk());
  state_ = *std::move(opened);
}

std::string StateTest::Id(const std::string& name) { return Sha256::Hex(name); }

NodeRegistration StateTest::Key(const std::string& key) {
  NodeRegistration registration;
  registration.public_key = key;
  return registration;
}

std::uint64_t StateTest::OnlineNode(const std::string& key, double now) {
  EXPECT_THAT(links().CreateNode(Key(key), now), IsOk());
  const StatusOr<std::uint64_t> node_id = links().ActivateNode(key, 30, now);
  EXPECT_THAT(node_id, IsOk());
  return node_id.value_or(0);
}

std::uint64_t StateTest::RunningRun(double now) {
  const StatusOr<RunInfo> run = links().CreateRun(NewRun(), now);
  EXPECT_THAT(run, IsOk());
  EXPECT_THAT(links().MarkRunStarting(run->run_id, now), IsOk());
  EXPECT_THAT(links().MarkRunRunning(run->run_id, now), IsOk());
  return run->run_id;
}

Message StateTest::Instruction(std::uint64_t run_id, std::uint64_t node_id, const std::string& name,
                               double created_at, double ttl) {
  Metadata metadata;
  metadata.run_id = run_id;
  metadata.message_id = Id(name);
  metadata.src_node_id = kSuperLinkNodeId;
  metadata.dst_node_id = node_id;
  metadata.group_id = "1";
  metadata.created_at = created_at;
  metadata.ttl = ttl;
  metadata.message_type = "train";
  metadata.src_task_id = 77;
  return {metadata, RecordDict()};
}

Message StateTest::Reply(const Message& instruction, const std::string& name, double now) {
  Message reply = Message::ReplyTo(instruction, RecordDict(), now);
  reply.metadata().message_id = Id(name);
  return reply;
}

Message StateTest::Send(std::uint64_t run_id, std::uint64_t node_id, const std::string& name,
                        double now, double ttl) {
  Message message = Instruction(run_id, node_id, name, now, ttl);
  const auto ids = links().StoreInstructions(std::span(&message, 1), now);
  EXPECT_THAT(ids, IsOk());
  EXPECT_EQ(*ids, std::vector{message.metadata().message_id});
  Release(message.metadata().message_id);
  return message;
}

Message StateTest::Answer(const Message& instruction, const std::string& name, double now) {
  Message reply = Reply(instruction, name, now);
  EXPECT_THAT(links().StoreReply(reply, now), IsOk());
  Release(reply.metadata().message_id);
  return reply;
}

void StateTest::Release(const std::string& message_id) {
  const StatusOr<ReleaseResult> result = links().ReleaseMessages(std::span(&message_id, 1));
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->unknown.empty());
}

std::string StateTest::Next(std::uint64_t node_id, double now) {
  const StatusOr<std::optional<Message>> next = links().NextInstruction(node_id, now);
  EXPECT_THAT(next, IsOk());
  return next.ok() && next->has_value() ? (*next)->metadata().message_id : "";
}

PulledReplies StateTest::Pull(std::uint64_t run_id, const std::vector<std::string>& ids,
                              double now) {
  StatusOr<PulledReplies> pulled = links().PullReplies(run_id, ids, now);
  EXPECT_THAT(pulled, IsOk());
  return pulled.ok() ? *std::move(pulled) : PulledReplies();
}

}  // namespace flwrcpp::internal
