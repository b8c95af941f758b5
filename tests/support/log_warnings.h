// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/log.h"

namespace flwrcpp::testing {

/// Keeps the warnings of the library while it lives. One at a time.
class LogWarnings {
 public:
  LogWarnings() {
    SetLogSink([this](LogLevel level, std::string_view line) {
      if (level == LogLevel::kWarning) lines_.emplace_back(line);
    });
  }
  ~LogWarnings() { SetLogSink({}); }
  LogWarnings(const LogWarnings&) = delete;
  LogWarnings& operator=(const LogWarnings&) = delete;

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

}  // namespace flwrcpp::testing
