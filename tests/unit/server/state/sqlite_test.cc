// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/server/state/sqlite_test.h"

#include <filesystem>

#include "superlink/state/sqlite.h"

namespace flwrcpp::internal {

using flwrcpp::testing::IsOk;

void SqliteTest::Reopen() {
  state_ = State();
  StatusOr<State> opened = OpenSqliteState(path());
  ASSERT_THAT(opened, IsOk());
  state_ = *std::move(opened);
}

void SqliteTest::ReopenAsAfterAKill() {
  // Closing cleans up; the copy does not see it.
  const std::string copy = directory_.File("killed.db");
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(path() + suffix, copy + suffix);
  }
  state_ = State();
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::remove(path() + suffix);
    std::filesystem::rename(copy + suffix, path() + suffix);
  }
  Reopen();
}

void SqliteTest::Script(const char* sql) {
  const auto database = SqliteDatabase::Open(path());
  ASSERT_THAT(database, IsOk());
  ASSERT_THAT((*database)->RunScript(sql), IsOk());
}

}  // namespace flwrcpp::internal
