// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "flwrcpp/status.h"
#include "superlink/state/sqlite.h"

namespace flwrcpp::internal {

/// The open state file: one connection, used by whoever holds the mutex.
struct SqliteStateFile {
  std::mutex mutex;
  std::unique_ptr<SqliteDatabase> database;
};

/// Opens a state file as `OpenSqliteState` says: checks whose it is and that it is sound, makes
/// its tables, and removes or finishes what a crash left half done.
StatusOr<std::shared_ptr<SqliteStateFile>> OpenStateFile(const std::string& path);

}  // namespace flwrcpp::internal
