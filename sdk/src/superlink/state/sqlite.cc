// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/sqlite.h"

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

// How long opening waits for another program to let go of the file.
constexpr int kBusyTimeoutMs = 1000;

StatusCode CodeFor(int result) {
  switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
      return StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_PROTOCOL:
      return StatusCode::kUnavailable;
    case SQLITE_TOOBIG:
      return StatusCode::kResourceExhausted;
    default:
      return StatusCode::kInternal;
  }
}

}  // namespace

int SqlValue::BindTo(sqlite3_stmt* statement, int position) const {
  // A null pointer would bind NULL where an empty value is meant.
  const char* const data = text_.data() == nullptr ? "" : text_.data();
  switch (kind_) {
    case Kind::kNull:
      return sqlite3_bind_null(statement, position);
    case Kind::kInteger:
      return sqlite3_bind_int64(statement, position, integer_);
    case Kind::kReal:
      return sqlite3_bind_double(statement, position, real_);
    case Kind::kText:
      return sqlite3_bind_text64(statement, position, data, text_.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
    case Kind::kBlob:
      break;
  }
  return sqlite3_bind_blob64(statement, position, data, text_.size(), SQLITE_STATIC);
}

SqliteQuery::SqliteQuery(SqliteQuery&& other) noexcept
    : database_(other.database_),
      sql_(other.sql_),
      statement_(std::exchange(other.statement_, nullptr)),
      status_(std::move(other.status_)) {}

SqliteQuery::~SqliteQuery() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  database_->idle_[sql_].push_back(statement_);
}

bool SqliteQuery::Next() {
  if (!status_.ok() || statement_ == nullptr) return false;
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) status_ = database_->ErrorFor(result);
  return false;
}

bool SqliteQuery::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t SqliteQuery::Integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double SqliteQuery::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string SqliteQuery::Text(int column) const {
  const void* const data = sqlite3_column_blob(statement_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(
      path.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (result != SQLITE_OK) {
    sqlite3_close(handle);
    return MakeError(StatusCode::kUnavailable, "database {}: {}", path, sqlite3_errstr(result));
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return std::unique_ptr<SqliteDatabase>(new SqliteDatabase(handle, path));
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close(handle_);
}

Status SqliteDatabase::ErrorFor(int result) const {
  return MakeError(CodeFor(result), "database {}: {}", path_, sqlite3_errmsg(handle_));
}

SqliteQuery SqliteDatabase::Query(const char* sql, std::initializer_list<SqlValue> values) {
  sqlite3_stmt* statement = nullptr;
  if (std::vector<sqlite3_stmt*>& idle = idle_[sql]; !idle.empty()) {
    statement = idle.back();
    idle.pop_back();
  } else {
    const int result =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (result != SQLITE_OK) return {*this, sql, nullptr, ErrorFor(result)};
  }
  SqliteQuery query(*this, sql, statement, absl::OkStatus());
  int position = 0;
  for (const SqlValue& value : values) {
    const int result = value.BindTo(statement, ++position);
    if (result != SQLITE_OK) {
      query.status_ = ErrorFor(result);
      break;
    }
  }
  return query;
}

Status SqliteDatabase::Run(const char* sql, std::initializer_list<SqlValue> values) {
  SqliteQuery query = Query(sql, values);
  while (query.Next()) {
  }
  return query.status();
}

Status SqliteDatabase::RunScript(const char* sql) {
  const int result = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus() : ErrorFor(result);
}

StatusOr<std::optional<std::int64_t>> SqliteDatabase::Lookup(
    const char* sql, std::initializer_list<SqlValue> values) {
  SqliteQuery query = Query(sql, values);
  std::optional<std::int64_t> value;
  if (query.Next()) value = query.Integer(0);
  FLWRCPP_RETURN_IF_ERROR(query.status());
  return value;
}

StatusOr<Bytes> SqliteDatabase::ReadBlob(const char* table, const char* column, std::int64_t row) {
  sqlite3_blob* blob = nullptr;
  int result = sqlite3_blob_open(handle_, "main", table, column, row, 0, &blob);
  std::string bytes;
  if (result == SQLITE_OK) {
    bytes.resize(static_cast<std::size_t>(sqlite3_blob_bytes(blob)));
    result = sqlite3_blob_read(blob, bytes.data(), static_cast<int>(bytes.size()), 0);
  }
  const Status status = result == SQLITE_OK ? absl::OkStatus() : ErrorFor(result);
  sqlite3_blob_close(blob);
  if (!status.ok()) return status;
  return Bytes(std::move(bytes));
}

SqliteTransaction::SqliteTransaction(SqliteDatabase& database) : database_(database) {
  status_ = database_.Run("BEGIN IMMEDIATE");
  open_ = status_.ok();
}

SqliteTransaction::~SqliteTransaction() {
  // Some errors end the transaction by themselves; then this fails, and that is right.
  if (open_) database_.Run("ROLLBACK").IgnoreError();
}

Status SqliteTransaction::Commit() {
  FLWRCPP_RETURN_IF_ERROR(database_.Run("COMMIT"));
  open_ = false;
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
