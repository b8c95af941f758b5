// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/sqlite_schema.h"

#include <iterator>
#include <span>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

// Marks the file as ours: "flwc".
constexpr std::int64_t kApplicationId = 0x666c7763;

// Each step brings a file from the version before to its own; a new file takes all. What has been
// released is never changed.
//
// Ids are uint64 stored as two's complement; times are Unix seconds, 0 for never. `seq` is the
// order of arrival.
constexpr char kVersion1[] = R"sql(
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
)sql";

constexpr char kVersion2[] = R"sql(
-- Null: the run is not claimed.
ALTER TABLE run ADD COLUMN token TEXT;
ALTER TABLE run ADD COLUMN claimed_until REAL NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX run_token ON run (token) WHERE token IS NOT NULL;
CREATE INDEX run_claimed ON run (claimed_until) WHERE token IS NOT NULL;
CREATE INDEX run_pending ON run (primary_task_type, seq)
  WHERE starting_at = 0 AND running_at = 0 AND finished_at = 0;

CREATE TABLE fab (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL UNIQUE,
  content BLOB NOT NULL);
-- `bytes_so_far` counts all that was logged, what was left out included.
CREATE TABLE run_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id INTEGER NOT NULL,
  time REAL NOT NULL,
  bytes_so_far INTEGER NOT NULL,
  text TEXT NOT NULL,
  UNIQUE (run_id, time));
CREATE TABLE series_context (
  series_id INTEGER PRIMARY KEY,
  context BLOB NOT NULL);
CREATE TABLE nonce (
  nonce TEXT PRIMARY KEY,
  expires_at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX nonce_expires ON nonce (expires_at);
)sql";

constexpr const char* kSteps[] = {kVersion1, kVersion2};
constexpr std::int64_t kSchemaVersion = std::size(kSteps);

StatusOr<std::int64_t> ReadInteger(SqliteDatabase& database, const char* sql) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::optional<std::int64_t> value, database.Lookup(sql));
  return value.value_or(0);
}

/// Which version of our tables the file has; 0 for a new one.
StatusOr<std::int64_t> CheckWhose(SqliteDatabase& database) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t application,
                           ReadInteger(database, "PRAGMA application_id"));
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t version,
                           ReadInteger(database, "PRAGMA user_version"));
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t tables,
                           ReadInteger(database, "SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && tables == 0) return 0;
  if (application != kApplicationId) {
    return MakeError(StatusCode::kFailedPrecondition,
                     "database {}: it belongs to another application", database.path());
  }
  if (version < 1 || version > kSchemaVersion) {
    return MakeError(StatusCode::kFailedPrecondition,
                     "database {}: its version is {}, this program knows versions 1 to {}",
                     database.path(), version, kSchemaVersion);
  }
  return version;
}

Status CheckSound(SqliteDatabase& database) {
  SqliteQuery query = database.Query("PRAGMA quick_check(1)");
  std::string verdict = "no answer";
  if (query.Next()) verdict = query.Text(0);
  FLWRCPP_RETURN_IF_ERROR(query.status());
  if (verdict == "ok") return absl::OkStatus();
  return MakeError(StatusCode::kDataLoss, "database {} is damaged: {}", database.path(), verdict);
}

Status Configure(SqliteDatabase& database) {
  // Objects are of megabytes: larger pages make them cheaper, and the write-ahead log may grow to
  // 64 MiB before it is copied back, as each copying waits for the disk.
  return database.RunScript(
      "PRAGMA page_size = 8192;"
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = NORMAL;"
      "PRAGMA foreign_keys = ON;"
      "PRAGMA secure_delete = FAST;"
      "PRAGMA cache_size = -16000;"
      "PRAGMA wal_autocheckpoint = 8192;"
      "PRAGMA journal_size_limit = 67108864");
}

/// Makes the tables of a new file (version 0), or brings those of an older version up to date.
Status BringUpToDate(SqliteDatabase& database, std::int64_t version) {
  if (version == kSchemaVersion) return absl::OkStatus();
  SqliteTransaction transaction(database);
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  for (const char* step : std::span(kSteps).subspan(static_cast<std::size_t>(version))) {
    FLWRCPP_RETURN_IF_ERROR(database.RunScript(step));
  }
  const std::string marks = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                        kApplicationId, kSchemaVersion);
  FLWRCPP_RETURN_IF_ERROR(database.RunScript(marks.c_str()));
  return transaction.Commit();
}

/// A message without a push session was either about to be released, its tree being complete, or
/// its tree was never registered.
Status FinishHalfDone(SqliteDatabase& database) {
  SqliteTransaction transaction(database);
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(database.RunScript(R"sql(
    UPDATE message SET released = 1
      WHERE released = 0
        AND NOT EXISTS (SELECT 1 FROM push_root WHERE object_id = message_id)
        AND EXISTS (SELECT 1 FROM object JOIN object_content ON object = id
                    WHERE object_id = message_id);
    DELETE FROM message
      WHERE released = 0
        AND NOT EXISTS (SELECT 1 FROM push_root WHERE object_id = message_id);
  )sql"));
  return transaction.Commit();
}

}  // namespace

StatusOr<std::shared_ptr<SqliteStateFile>> OpenStateFile(const std::string& path) {
  auto file = std::make_shared<SqliteStateFile>();
  FLWRCPP_ASSIGN_OR_RETURN(file->database, SqliteDatabase::Open(path));
  SqliteDatabase& database = *file->database;
  // Two SuperLinks on one file would not see each other's events.
  FLWRCPP_RETURN_IF_ERROR(database.RunScript("PRAGMA locking_mode = EXCLUSIVE"));
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t version, CheckWhose(database));
  if (version > 0) FLWRCPP_RETURN_IF_ERROR(CheckSound(database));
  FLWRCPP_RETURN_IF_ERROR(Configure(database));
  FLWRCPP_RETURN_IF_ERROR(BringUpToDate(database, version));
  FLWRCPP_RETURN_IF_ERROR(FinishHalfDone(database));
  return file;
}

}  // namespace flwrcpp::internal
