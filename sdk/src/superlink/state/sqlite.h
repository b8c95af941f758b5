// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// What SQLite's C interface needs to be used with Status and without leaks.

/// A value to be bound: bytes are stored as BLOB, everything else as what it is. Text and bytes
/// must outlive the query.
class SqlValue {
 public:
  SqlValue(std::uint64_t value) : integer_(static_cast<std::int64_t>(value)) {}  // NOLINT
  SqlValue(std::int64_t value) : integer_(value) {}                              // NOLINT
  SqlValue(int value) : integer_(value) {}                                       // NOLINT
  SqlValue(bool value) : integer_(value ? 1 : 0) {}                              // NOLINT
  SqlValue(double value) : kind_(Kind::kReal), real_(value) {}                   // NOLINT
  SqlValue(std::string_view value) : kind_(Kind::kText), text_(value) {}         // NOLINT
  SqlValue(const std::string& value) : kind_(Kind::kText), text_(value) {}       // NOLINT
  SqlValue(const char* value) : kind_(Kind::kText), text_(value) {}              // NOLINT
  SqlValue(const Bytes& value) : kind_(Kind::kBlob), text_(value.view()) {}      // NOLINT
  SqlValue(const std::optional<std::uint64_t>& value)                            // NOLINT
      : kind_(value.has_value() ? Kind::kInteger : Kind::kNull),
        integer_(static_cast<std::int64_t>(value.value_or(0))) {}

  int BindTo(sqlite3_stmt* statement, int position) const;

 private:
  enum class Kind { kNull, kInteger, kReal, kText, kBlob };
  Kind kind_ = Kind::kInteger;
  std::int64_t integer_ = 0;
  double real_ = 0;
  std::string_view text_;
};

class SqliteDatabase;

/// A statement that runs: rows one by one. Ends with the object; do not outlive the database.
///
///     SqliteQuery query = database.Query("SELECT a FROM t WHERE b = ?", {b});
///     while (query.Next()) Use(query.Integer(0));
///     FLWRCPP_RETURN_IF_ERROR(query.status());
class SqliteQuery {
 public:
  SqliteQuery(SqliteQuery&& other) noexcept;
  SqliteQuery& operator=(SqliteQuery&&) = delete;
  ~SqliteQuery();

  /// Goes to the next (first) row; false at the end and after an error.
  bool Next();
  const Status& status() const { return status_; }

  // Columns of the row; a value of another type is converted as SQLite does.
  bool IsNull(int column) const;
  std::int64_t Integer(int column) const;
  std::uint64_t Id(int column) const { return static_cast<std::uint64_t>(Integer(column)); }
  double Real(int column) const;
  std::string Text(int column) const;  ///< Text or bytes.

 private:
  friend class SqliteDatabase;
  SqliteQuery(SqliteDatabase& database, const char* sql, sqlite3_stmt* statement, Status status)
      : database_(&database), sql_(sql), statement_(statement), status_(std::move(status)) {}

  SqliteDatabase* database_;
  const char* sql_;
  sqlite3_stmt* statement_;
  Status status_;
};

/// One connection to a database file. Not thread-safe.
///
/// SQL texts are literals: prepared statements are kept by their address.
class SqliteDatabase {
 public:
  /// Opens the file, or makes it.
  /// @return `kUnavailable` if that is not possible.
  static StatusOr<std::unique_ptr<SqliteDatabase>> Open(const std::string& path);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  SqliteQuery Query(const char* sql, std::initializer_list<SqlValue> values = {});
  /// Runs a statement whose rows, if any, do not matter.
  Status Run(const char* sql, std::initializer_list<SqlValue> values = {});
  /// Runs several statements, separated by semicolons.
  Status RunScript(const char* sql);
  /// The integer of the first column of the first row; empty without a row.
  StatusOr<std::optional<std::int64_t>> Lookup(const char* sql,
                                               std::initializer_list<SqlValue> values = {});

  /// The bytes of a BLOB, read without the copy that a query makes of large ones.
  StatusOr<Bytes> ReadBlob(const char* table, const char* column, std::int64_t row);

  /// Rows changed by the last statement that ran.
  std::int64_t changes() const { return sqlite3_changes64(handle_); }
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(handle_); }
  const std::string& path() const { return path_; }

 private:
  friend class SqliteQuery;
  SqliteDatabase(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  Status ErrorFor(int result) const;

  sqlite3* handle_;
  std::string path_;
  /// Prepared and idle, by the address of their text.
  std::unordered_map<const char*, std::vector<sqlite3_stmt*>> idle_;
};

/// A change that happens wholly or not at all: rolled back unless committed.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteDatabase& database);
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;

  /// Whether it could be begun; nothing else should be done if not.
  const Status& status() const { return status_; }
  Status Commit();

 private:
  SqliteDatabase& database_;
  Status status_;
  bool open_ = false;
};

}  // namespace flwrcpp::internal
