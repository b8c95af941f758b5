// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "flwrcpp/log.h"
#include "flwrcpp/status.h"

namespace flwrcpp::program {

struct LogOptions {
  std::string level = "info";  ///< debug, info, warning or error: what is logged at least.
  std::string file;            ///< Besides stderr; empty: none.
  int rotation_interval_hours = 24;
  int rotation_backup_count = 7;  ///< Earlier files kept: FILE.1 is the latest of them.
};

/// Sends the SDK's log lines, and those of `LogLine()`, to stderr and the file; from now on, if it
/// was called before.
/// @return `kUnavailable` for a file that cannot be opened.
Status StartLog(const LogOptions& options);

/// Logs a line of the program itself as the SDK's are logged.
void LogLine(LogLevel level, const std::string& line);

}  // namespace flwrcpp::program
