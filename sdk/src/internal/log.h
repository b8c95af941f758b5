// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fmt/format.h>

#include "flwrcpp/log.h"

namespace flwrcpp::internal {

/// True when a sink is set: lets callers skip building lines nobody reads.
bool LogEnabled();
void LogLine(LogLevel level, std::string_view line);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled()) LogLine(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace flwrcpp::internal
