// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {

/// For what a state on disk owes beyond the rules that all share; instantiate suites with
/// FLWRCPP_FOR_SQLITE_STATE.
class SqliteTest : public StateTest {
 protected:
  std::string path() const { return directory_.File("state.db"); }
  /// As a SuperLink that is started again.
  void Reopen();
  /// Goes on with what would be on disk if the SuperLink was killed now.
  void ReopenAsAfterAKill();
  /// Changes the closed file behind the state's back.
  void Script(const char* sql);
};

#define FLWRCPP_FOR_SQLITE_STATE(suite)                                              \
  INSTANTIATE_TEST_SUITE_P(State, suite, ::testing::Values(Implementation::kSqlite), \
                           [](const auto&) { return "Sqlite"; })

}  // namespace flwrcpp::internal
