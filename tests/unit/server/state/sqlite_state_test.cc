// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "superlink/state/sqlite.h"
#include "tests/unit/server/state/sqlite_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// What a state on disk owes beyond the rules that all share: to survive.
class SqliteStateTest : public SqliteTest {
 protected:
  static Object Leaf(const std::string& text) {
    return MakeObject(ObjectType::kArrayChunk, {}, Bytes(text));
  }
  ObjectState StateOf(std::uint64_t run_id, const Object& object) {
    return objects().Get(run_id, object.id)->state;
  }
};
FLWRCPP_FOR_SQLITE_STATE(SqliteStateTest);

TEST_P(SqliteStateTest, NodesAndRunsAreThereAfterARestart) {
  const std::uint64_t node = OnlineNode("key a");
  NewRun asked;
  asked.override_config.Set("lr", 0.5);
  const RunInfo run = *links().CreateRun(asked, kNow);
  ASSERT_THAT(links().AddTraffic(run.run_id, 5, 6), IsOk());

  Reopen();

  EXPECT_EQ(*links().FindNodeByKey("key a"), node);
  EXPECT_EQ(links().GetNode(node, kNow)->status, NodeStatus::kOnline);
  EXPECT_EQ(links().GetNode(node, kNow)->online_until, kNow + 60);
  const StatusOr<RunInfo> same = links().GetRun(run.run_id);
  ASSERT_THAT(same, IsOk());
  EXPECT_EQ(same->override_config, asked.override_config);
  EXPECT_EQ(same->primary_task_id, run.primary_task_id);
  EXPECT_EQ(same->bytes_recv, 6);
  EXPECT_EQ(same->status(), RunStatus::kPending);
}

TEST_P(SqliteStateTest, MessagesKeepTheirStateOverARestart) {
  const std::uint64_t node = OnlineNode("key a");
  const std::uint64_t run = RunningRun();
  Send(run, node, "delivered");
  const Message answered = Send(run, node, "answered");
  Send(run, node, "waiting");
  Send(run, node, "waiting too");
  ASSERT_EQ(Next(node), Id("delivered"));
  ASSERT_EQ(Next(node), Id("answered"));
  Answer(answered, "reply");

  Reopen();

  EXPECT_EQ(Next(node), Id("waiting"));
  EXPECT_EQ(Next(node), Id("waiting too"));
  EXPECT_EQ(Next(node), "");
  const PulledReplies pulled = Pull(run, {Id("answered"), Id("delivered")});
  ASSERT_EQ(pulled.replies.size(), 1);
  EXPECT_EQ(pulled.replies[0].metadata().message_id, Id("reply"));
}

TEST_P(SqliteStateTest, ObjectsAndPushSessionsGoOnAfterARestart) {
  const Object a = Leaf("a");
  const Object b = Leaf("b");
  const Object root = MakeObject(ObjectType::kMessage, {a.id, b.id}, Bytes(std::string("root")));
  const std::vector trees = {ObjectTree{root.id, {{a.id, {}}, {b.id, {}}}}};
  const PushSession push = *objects().OpenPush(1, trees, kNow);
  ASSERT_TRUE(objects().Put(1, push.session_id, a, kNow)->stored);

  Reopen();

  EXPECT_EQ(StateOf(1, a), ObjectState::kAvailable);
  EXPECT_EQ(objects().Get(1, a.id)->object.body, a.body);
  EXPECT_EQ(StateOf(1, b), ObjectState::kUnavailable);
  EXPECT_TRUE(objects().Put(1, push.session_id, b, kNow + 170)->stored);
  EXPECT_THAT(objects().Put(1, push.session_id, root, kNow + 170)->completed_roots,
              ElementsAre(root.id));
  ASSERT_THAT(objects().Confirm(1, root.id), IsOk());
  EXPECT_EQ(StateOf(1, a), ObjectState::kNotFound);
}

TEST_P(SqliteStateTest, AMessageWhoseTreeWasCompleteIsReleasedByARestart) {
  const std::uint64_t node = OnlineNode("key a");
  const std::uint64_t run = RunningRun();
  Message message = Instruction(run, node, "m");
  const Object root = MakeObject(ObjectType::kMessage, {}, Bytes(std::string("root")));
  message.metadata().message_id = root.id;
  ASSERT_THAT(links().StoreInstructions(std::span(&message, 1), kNow), IsOk());
  ASSERT_THAT(objects().StoreTree(run, {root.id, {}}, std::span(&root, 1)), IsOk());
  ASSERT_EQ(Next(node), "");

  Reopen();

  EXPECT_EQ(Next(node), root.id);
}

TEST_P(SqliteStateTest, AMessageWhoseTreeNeverCameIsRemovedByARestart) {
  const std::uint64_t node = OnlineNode("key a");
  const std::uint64_t run = RunningRun();
  const Message message = Instruction(run, node, "m");
  ASSERT_THAT(links().StoreInstructions(std::span(&message, 1), kNow), IsOk());

  Reopen();

  EXPECT_THAT(links().GetMessageMetadata(Id("m")), StatusIs(StatusCode::kNotFound));
}

TEST_P(SqliteStateTest, AMessageWhoseTreeIsOnItsWayStaysHeldOverARestart) {
  const std::uint64_t node = OnlineNode("key a");
  const std::uint64_t run = RunningRun();
  const Object root = MakeObject(ObjectType::kMessage, {}, Bytes(std::string("root")));
  Message message = Instruction(run, node, "m");
  message.metadata().message_id = root.id;
  ASSERT_THAT(links().StoreInstructions(std::span(&message, 1), kNow), IsOk());
  const std::vector trees = {ObjectTree{root.id, {}}};
  const PushSession push = *objects().OpenPush(run, trees, kNow);

  Reopen();

  EXPECT_EQ(Next(node), "");
  EXPECT_THAT(objects().Put(run, push.session_id, root, kNow)->completed_roots,
              ElementsAre(root.id));
  Release(root.id);
  EXPECT_EQ(Next(node), root.id);
}

TEST_P(SqliteStateTest, WhatAFinishedRunLeftIsRemovedByARestart) {
  const std::uint64_t node = OnlineNode("key a");
  const std::uint64_t finished = RunningRun();
  const std::uint64_t unfinished = RunningRun();
  Send(finished, node, "m");
  Send(unfinished, node, "n");
  const Object a = Leaf("a");
  const Object b = Leaf("b");
  ASSERT_THAT(objects().StoreTree(finished, {a.id, {}}, std::span(&a, 1)), IsOk());
  ASSERT_THAT(objects().StoreTree(unfinished, {b.id, {}}, std::span(&b, 1)), IsOk());
  ASSERT_THAT(links().FinishRun(finished, "failed", "", kNow), IsOk());

  Reopen();

  EXPECT_THAT(links().GetMessageMetadata(Id("m")), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().GetMessageMetadata(Id("n")), IsOk());
  EXPECT_EQ(StateOf(finished, a), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(unfinished, b), ObjectState::kAvailable);
  EXPECT_THAT(links().GetRun(finished), IsOk());
}

TEST_P(SqliteStateTest, WhatWasAnsweredSurvivesAKill) {
  state_ = State();
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Registers nodes for ever and says so, until it is killed in the midst of it.
    StatusOr<State> state = OpenSqliteState(path());
    if (!state.ok()) _exit(1);
    for (std::uint32_t i = 0;; ++i) {
      if (!state->link_state->CreateNode(Key("key " + std::to_string(i)), kNow).ok()) _exit(1);
      if (write(pipe_ends[1], &i, sizeof(i)) != sizeof(i)) _exit(1);
    }
  }
  close(pipe_ends[1]);
  std::uint32_t last = 0;
  std::uint32_t value = 0;
  while (last < 200 && read(pipe_ends[0], &value, sizeof(value)) == sizeof(value)) last = value;
  kill(child, SIGKILL);
  while (read(pipe_ends[0], &value, sizeof(value)) == sizeof(value)) last = value;
  close(pipe_ends[0]);
  waitpid(child, nullptr, 0);
  ASSERT_GE(last, 200);

  Reopen();

  for (std::uint32_t i = 0; i <= last; ++i) {
    ASSERT_THAT(links().FindNodeByKey("key " + std::to_string(i)), IsOk()) << i;
  }
}

TEST_P(SqliteStateTest, AFileThatAnotherSuperLinkHoldsIsUnavailable) {
  EXPECT_THAT(OpenSqliteState(path()), StatusIs(StatusCode::kUnavailable));
}

TEST_P(SqliteStateTest, AFolderThatDoesNotExistIsUnavailable) {
  EXPECT_THAT(OpenSqliteState(directory_.File("none/state.db")),
              StatusIs(StatusCode::kUnavailable));
}

TEST_P(SqliteStateTest, ANewerVersionIsRefusedAndLeftAlone) {
  state_ = State();
  Script("PRAGMA user_version = 1000");

  EXPECT_THAT(OpenSqliteState(path()), StatusIs(StatusCode::kFailedPrecondition, "version"));

  Script("PRAGMA user_version = 2");
  Reopen();
}

TEST_P(SqliteStateTest, AnotherApplicationsDatabaseIsRefusedAndLeftAlone) {
  const std::string other = directory_.File("other.db");
  {
    const auto database = SqliteDatabase::Open(other);
    ASSERT_THAT((*database)->RunScript("CREATE TABLE theirs (a)"), IsOk());
  }

  EXPECT_THAT(OpenSqliteState(other),
              StatusIs(StatusCode::kFailedPrecondition, "another application"));

  const auto database = SqliteDatabase::Open(other);
  EXPECT_EQ(*(*database)->Lookup("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST_P(SqliteStateTest, AFileThatIsNoDatabaseIsDataLoss) {
  const std::string other = directory_.File("text.db");
  std::ofstream(other) << std::string(10000, 'x');

  EXPECT_THAT(OpenSqliteState(other), StatusIs(StatusCode::kDataLoss));
}

TEST_P(SqliteStateTest, ADamagedFileIsDataLoss) {
  for (int i = 0; i < 200; ++i) {
    const Object object =
        Leaf(std::string(5000, static_cast<char>('a' + i % 26)) + std::to_string(i));
    ASSERT_THAT(objects().StoreTree(1, {object.id, {}}, std::span(&object, 1)), IsOk());
  }
  state_ = State();
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(400000, '\x5a');
  file.close();

  EXPECT_THAT(OpenSqliteState(path()), StatusIs(StatusCode::kDataLoss));
}

TEST_P(SqliteStateTest, DamageThatAppearsLaterIsReportedAndDoesNotCrash) {
  const RunInfo run = *links().CreateRun(NewRun(), kNow);
  state_ = State();
  Script("UPDATE run SET override_config = x'ffffff'");

  Reopen();

  EXPECT_THAT(links().GetRun(run.run_id), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(links().ListRuns({}), StatusIs(StatusCode::kDataLoss));
}

TEST_P(SqliteStateTest, AnObjectOfManyMegabytesComesBackWhole) {
  std::string text(20 << 20, 'x');
  text[12345678] = 'y';
  const Object object = Leaf(text);
  ASSERT_THAT(objects().StoreTree(1, {object.id, {}}, std::span(&object, 1)), IsOk());

  Reopen();

  const StatusOr<StoredObject> stored = objects().Get(1, object.id);
  ASSERT_THAT(stored, IsOk());
  EXPECT_TRUE(stored->object.body == object.body);
  EXPECT_TRUE(stored->object.head == object.head);
}

}  // namespace
}  // namespace flwrcpp::internal
