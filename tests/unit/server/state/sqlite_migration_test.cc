// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <filesystem>
#include <map>

#include "superlink/state/sqlite.h"
#include "tests/unit/server/state/sqlite_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

// What a program that knew version 1 made.
constexpr char kVersion1[] = R"sql(
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE node (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  node_id INTEGER NOT NULL UNIQUE,
  public_key TEXT NOT NULL UNIQUE,
  owner_id TEXT NOT NULL,
  owner_name TEXT NOT NULL,
  status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3),
  registered_at REAL NOT NULL,
  last_activated_at REAL NOT NULL DEFAULT 0,
  last_deactivated_at REAL NOT NULL DEFAULT 0,
  unregistered_at REAL NOT NULL DEFAULT 0,
  online_until REAL NOT NULL DEFAULT 0,
  heartbeat_interval REAL NOT NULL,
  location TEXT NOT NULL,
  name TEXT NOT NULL);
CREATE INDEX node_online ON node (online_until) WHERE status = 1;

CREATE TABLE run (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id INTEGER NOT NULL UNIQUE,
  primary_task_id INTEGER NOT NULL,
  primary_task_type TEXT NOT NULL,
  series_id INTEGER NOT NULL,
  override_config BLOB NOT NULL,
  fab_id TEXT NOT NULL,
  fab_version TEXT NOT NULL,
  fab_hash TEXT NOT NULL,
  federation TEXT NOT NULL,
  account_id TEXT NOT NULL,
  account_name TEXT NOT NULL,
  pending_at REAL NOT NULL,
  starting_at REAL NOT NULL DEFAULT 0,
  running_at REAL NOT NULL DEFAULT 0,
  finished_at REAL NOT NULL DEFAULT 0,
  sub_status TEXT NOT NULL DEFAULT '',
  details TEXT NOT NULL DEFAULT '',
  bytes_sent INTEGER NOT NULL DEFAULT 0,
  bytes_recv INTEGER NOT NULL DEFAULT 0,
  clientapp_runtime REAL NOT NULL DEFAULT 0);

-- Instructions (reply_to is null) and replies.
CREATE TABLE message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT NOT NULL UNIQUE,
  run_id INTEGER NOT NULL,
  src_node_id INTEGER NOT NULL,
  dst_node_id INTEGER NOT NULL,
  reply_to TEXT UNIQUE,
  group_id TEXT NOT NULL,
  created_at REAL NOT NULL,
  ttl REAL NOT NULL,
  message_type TEXT NOT NULL,
  src_task_id INTEGER,
  dst_task_id INTEGER,
  error_code INTEGER,
  error_reason TEXT NOT NULL,
  released INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0);
CREATE INDEX message_run ON message (run_id);
CREATE INDEX message_ready ON message (dst_node_id, seq)
  WHERE reply_to IS NULL AND released = 1 AND delivered = 0;

CREATE TABLE object (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  object_id TEXT NOT NULL UNIQUE,
  reference_count INTEGER NOT NULL DEFAULT 0);
-- Apart, so that counting does not rewrite large rows. No row: not available yet.
CREATE TABLE object_content (
  object INTEGER PRIMARY KEY REFERENCES object ON DELETE CASCADE,
  head BLOB NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE object_child (
  parent INTEGER NOT NULL REFERENCES object ON DELETE CASCADE,
  position INTEGER NOT NULL,
  child INTEGER NOT NULL,
  PRIMARY KEY (parent, position)) WITHOUT ROWID;
CREATE TABLE run_object (
  run_id INTEGER NOT NULL,
  object INTEGER NOT NULL REFERENCES object ON DELETE CASCADE,
  PRIMARY KEY (run_id, object)) WITHOUT ROWID;
CREATE INDEX run_object_object ON run_object (object);

CREATE TABLE push_session (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL UNIQUE,
  run_id INTEGER NOT NULL,
  expires_at REAL NOT NULL);
CREATE INDEX push_session_expires ON push_session (expires_at);
CREATE INDEX push_session_run ON push_session (run_id);
CREATE TABLE push_root (
  session INTEGER NOT NULL REFERENCES push_session ON DELETE CASCADE,
  object_id TEXT NOT NULL UNIQUE,
  PRIMARY KEY (session, object_id)) WITHOUT ROWID;
CREATE TABLE push_pending (
  session INTEGER NOT NULL REFERENCES push_session ON DELETE CASCADE,
  object_id TEXT NOT NULL,
  PRIMARY KEY (session, object_id)) WITHOUT ROWID;
CREATE INDEX push_pending_object ON push_pending (object_id);
PRAGMA application_id = 0x666c7763;
PRAGMA user_version = 1;
COMMIT;
)sql";

constexpr char kContent[] = R"sql(
INSERT INTO node (node_id, public_key, owner_id, owner_name, status, registered_at,
                  last_activated_at, online_until, heartbeat_interval, location, name)
  VALUES (11, 'key a', '<id:none>', 'none', 1, 1800000000, 1800000000, 1800000060, 30, '', 'a'),
         (-12, 'key b', '<id:none>', 'none', 3, 1800000000, 1800000000, 1800000060, 30, '', 'b');
INSERT INTO run (run_id, primary_task_id, primary_task_type, series_id, override_config, fab_id,
                 fab_version, fab_hash, federation, account_id, account_name, pending_at,
                 starting_at, running_at, finished_at, sub_status, details, bytes_sent)
  VALUES (21, 31, 'flwr-serverapp', 41, x'', 'a/b', '1.0.0', 'hash', '@none/default', '<id:none>',
          'none', 1800000000, 1800000001, 1800000002, 1800000003, 'failed', 'why', 5),
         (-22, 32, 'flwr-serverapp', 41, x'', '', '', '', '@none/default', '<id:none>', 'none',
          1800000000, 1800000001, 1800000002, 0, '', '', 6),
         (23, 33, 'flwr-serverapp', 43, x'', '', '', '', '@none/default', '<id:none>', 'none',
          1800000000, 0, 0, 0, '', '', 0);
INSERT INTO object (object_id)
  VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO object_content VALUES (1, x'68656164', x'626f6479');
INSERT INTO run_object VALUES (-22, 1);
INSERT INTO message (message_id, run_id, src_node_id, dst_node_id, group_id, created_at, ttl,
                     message_type, error_reason, released)
  VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', -22, 1, 11, '1',
          1800000002, 3600, 'train', '', 1);
)sql";

/// Files of an earlier version are brought up to date when they are opened.
class SqliteMigrationTest : public SqliteTest {
 protected:
  void SetUp() override {
    SqliteTest::SetUp();
    new_schema_ = Schema();
    state_ = State();
    std::filesystem::remove(path());
    Script(kVersion1);
    Script(kContent);
  }
  /// The SQL of the closed file's tables and indexes by their names.
  std::map<std::string, std::string> Schema() {
    state_ = State();
    std::map<std::string, std::string> schema;
    const auto database = SqliteDatabase::Open(path());
    EXPECT_THAT(database, IsOk());
    SqliteQuery row = (*database)->Query("SELECT name, sql FROM sqlite_schema");
    while (row.Next()) schema[row.Text(0)] = row.Text(1);
    return schema;
  }

  std::map<std::string, std::string> new_schema_;
};
FLWRCPP_FOR_SQLITE_STATE(SqliteMigrationTest);

TEST_P(SqliteMigrationTest, AFileOfVersion1GetsWhatANewOneHas) {
  ASSERT_NE(Schema(), new_schema_);

  Reopen();

  EXPECT_EQ(Schema(), new_schema_);
}

TEST_P(SqliteMigrationTest, NodesStay) {
  Reopen();

  EXPECT_EQ(*links().FindNodeByKey("key a"), 11);
  EXPECT_EQ(links().GetNode(11, kNow)->online_until, kNow + 60);
  EXPECT_THAT(links().CreateNode(Key("key b"), kNow), StatusIs(StatusCode::kAlreadyExists));
}

TEST_P(SqliteMigrationTest, RunsStayAndAreNotClaimed) {
  Reopen();

  const auto running_id = static_cast<std::uint64_t>(-22);
  const StatusOr<std::vector<RunInfo>> runs = links().ListRuns({});
  ASSERT_THAT(runs, IsOk());
  std::vector<std::uint64_t> ids;
  for (const RunInfo& run : *runs) {
    ids.push_back(run.run_id);
    EXPECT_FALSE(run.is_claimed);
  }
  EXPECT_THAT(ids, ElementsAre(23, running_id, 21));
  const RunInfo& finished = runs->at(2);
  EXPECT_EQ(finished.status(), RunStatus::kFinished);
  EXPECT_EQ(finished.sub_status, "failed");
  EXPECT_EQ(finished.fab_id, "a/b");
  EXPECT_EQ(finished.bytes_sent, 5);
  EXPECT_THAT(*links().ExpireClaims(kNow + 1e6), ElementsAre());
  EXPECT_EQ(*links().GetRunStatus(running_id), RunStatus::kRunning);
}

TEST_P(SqliteMigrationTest, MessagesAndTheirObjectsStay) {
  const auto run_id = static_cast<std::uint64_t>(-22);
  const std::string id(64, 'a');
  Reopen();

  EXPECT_EQ(Next(11, kNow + 3), id);
  const StatusOr<StoredObject> object = objects().Get(run_id, id);
  ASSERT_THAT(object, IsOk());
  ASSERT_EQ(object->state, ObjectState::kAvailable);
  EXPECT_EQ(object->object.body.view(), "body");
}

TEST_P(SqliteMigrationTest, WhatIsNewCanBeUsed) {
  Reopen();

  const std::vector<std::string> types = {"flwr-serverapp"};
  const auto claimed = links().ClaimRun(types, kNow);
  ASSERT_THAT(claimed, IsOk());
  ASSERT_TRUE(claimed->has_value());
  EXPECT_EQ((*claimed)->run.run_id, 23);
  EXPECT_THAT(archive().StoreContext(43, "context"), IsOk());

  Reopen();

  EXPECT_EQ(links().FindClaimedRun((*claimed)->token, kNow)->run_id, 23);
  EXPECT_EQ(*archive().GetContext(43), "context");
}

TEST_P(SqliteMigrationTest, AFileThatCannotBeBroughtUpToDateIsLeftAlone) {
  // The name is taken, so that the step fails in its midst.
  Script("CREATE TABLE series_context (theirs)");
  const std::map<std::string, std::string> before = Schema();

  EXPECT_FALSE(OpenSqliteState(path()).ok());

  EXPECT_EQ(Schema(), before);
  Script("DROP TABLE series_context");
  Reopen();
  EXPECT_EQ(*links().FindNodeByKey("key a"), 11);
}

TEST_P(SqliteMigrationTest, AVersionThatNeverWasIsRefused) {
  for (const char* version : {"PRAGMA user_version = 0", "PRAGMA user_version = -1"}) {
    Script(version);
    EXPECT_THAT(OpenSqliteState(path()), StatusIs(StatusCode::kFailedPrecondition, "version"));
  }
}

}  // namespace
}  // namespace flwrcpp::internal
