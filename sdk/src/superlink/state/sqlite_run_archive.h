// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "superlink/state/run_archive.h"
#include "superlink/state/sqlite_schema.h"

namespace flwrcpp::internal {

/// RunArchive in an SQLite file.
class SqliteRunArchive final : public RunArchive {
 public:
  explicit SqliteRunArchive(std::shared_ptr<SqliteStateFile> file) : file_(std::move(file)) {}

  Status StoreFab(const std::string& hash, const Bytes& content) override;
  StatusOr<Bytes> GetFab(const std::string& hash) override;
  Status AppendLog(std::uint64_t run_id, const std::string& text, double now) override;
  StatusOr<LogPart> ReadLog(std::uint64_t run_id, double after) override;
  Status StoreContext(std::uint64_t series_id, const std::string& context) override;
  StatusOr<std::string> GetContext(std::uint64_t series_id) override;
  Status UseNonce(const std::string& nonce, double expires_at, double now) override;

 private:
  SqliteDatabase& database() { return *file_->database; }

  std::shared_ptr<SqliteStateFile> file_;
};

}  // namespace flwrcpp::internal
