// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "internal/log.h"

#include <atomic>
#include <mutex>
#include <utility>

namespace flwrcpp {
namespace {

std::atomic<bool> enabled{false};

std::mutex& SinkMutex() {
  static std::mutex mutex;
  return mutex;
}
LogSink& Sink() {
  static LogSink sink;
  return sink;
}

}  // namespace

void SetLogSink(LogSink sink) {
  const std::lock_guard lock(SinkMutex());
  enabled = static_cast<bool>(sink);
  Sink() = std::move(sink);
}

namespace internal {

bool LogEnabled() { return enabled; }

void LogLine(LogLevel level, std::string_view line) {
  const std::lock_guard lock(SinkMutex());
  if (Sink()) Sink()(level, line);
}

}  // namespace internal
}  // namespace flwrcpp
