// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

namespace flwrcpp {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Receives one finished line (no newline at its end). Called from any thread, one call at a time.
using LogSink = std::function<void(LogLevel, std::string_view)>;

/// Sends the SDK's log lines to `sink`; an empty sink (the default) makes the SDK silent.
/// Thread-safe.
void SetLogSink(LogSink sink);

}  // namespace flwrcpp
