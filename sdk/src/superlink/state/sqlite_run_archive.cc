// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/sqlite_run_archive.h"

#include "internal/status_macros.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {

Status SqliteRunArchive::StoreFab(const std::string& hash, const Bytes& content) {
  const std::lock_guard lock(file_->mutex);
  return database().Run("INSERT OR IGNORE INTO fab (hash, content) VALUES (?, ?)", {hash, content});
}

StatusOr<Bytes> SqliteRunArchive::GetFab(const std::string& hash) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const auto row,
                           database().Lookup("SELECT id FROM fab WHERE hash = ?", {hash}));
  if (!row.has_value()) return UnknownFab(hash);
  return database().ReadBlob("fab", "content", *row);
}

Status SqliteRunArchive::AppendLog(std::uint64_t run_id, const std::string& text, double now) {
  if (text.empty()) return absl::OkStatus();
  const std::lock_guard lock(file_->mutex);
  double last = 0;
  std::uint64_t bytes = 0;
  {
    SqliteQuery row = database().Query(
        "SELECT time, bytes_so_far FROM run_log WHERE run_id = ? ORDER BY time DESC LIMIT 1",
        {run_id});
    if (row.Next()) {
      last = row.Real(0);
      bytes = row.Id(1);
    }
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  if (bytes > kMaxLogBytes) return absl::OkStatus();
  bytes += text.size();
  const std::string_view kept = bytes > kMaxLogBytes ? kLogIsFull : std::string_view(text);
  return database().Run(
      "INSERT INTO run_log (run_id, time, bytes_so_far, text) VALUES (?, ?, ?, ?)",
      {run_id, NextLogTime(last, now), bytes, kept});
}

StatusOr<LogPart> SqliteRunArchive::ReadLog(std::uint64_t run_id, double after) {
  LogPart part;
  const std::lock_guard lock(file_->mutex);
  SqliteQuery row =
      database().Query("SELECT time, text FROM run_log WHERE run_id = ? AND time > ? ORDER BY time",
                       {run_id, after});
  while (part.text.size() < kLogPartBytes && row.Next()) {
    part.latest_timestamp = row.Real(0);
    part.text += row.Text(1);
  }
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return part;
}

Status SqliteRunArchive::StoreContext(std::uint64_t series_id, const std::string& context) {
  const Bytes content(context);
  const std::lock_guard lock(file_->mutex);
  return database().Run("INSERT OR REPLACE INTO series_context (series_id, context) VALUES (?, ?)",
                        {series_id, content});
}

StatusOr<std::string> SqliteRunArchive::GetContext(std::uint64_t series_id) {
  const std::lock_guard lock(file_->mutex);
  SqliteQuery row =
      database().Query("SELECT context FROM series_context WHERE series_id = ?", {series_id});
  if (row.Next()) return row.Text(0);
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return UnknownContext(series_id);
}

Status SqliteRunArchive::UseNonce(const std::string& nonce, double expires_at, double now) {
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(database().Run("DELETE FROM nonce WHERE expires_at <= ?", {now}));
  FLWRCPP_RETURN_IF_ERROR(database().Run(
      "INSERT OR IGNORE INTO nonce (nonce, expires_at) VALUES (?, ?)", {nonce, expires_at}));
  const bool is_new = database().changes() > 0;
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return is_new ? absl::OkStatus() : NonceUsed();
}

}  // namespace flwrcpp::internal
