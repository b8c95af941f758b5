// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/program.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>
#include <pthread.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>

#include "flwrcpp/version.h"

namespace flwrcpp::program {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr char kLogger[] = "flwrcpp";

}  // namespace

SignalStop::SignalStop() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGUSR1);  // ends the thread below
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] {
    int number = 0;
    while (sigwait(&signals_, &number) == 0 && number != SIGUSR1) {
      if (source_.stop_requested()) _exit(kInterrupted);
      source_.request_stop();
    }
  });
}

SignalStop::~SignalStop() {
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

void LogToStderr(const std::string& level) {
  auto logger = spdlog::stderr_color_mt(kLogger);
  logger->set_pattern("%H:%M:%S.%e %^%l%$ %v");
  logger->set_level(spdlog::level::from_str(level));
  // protobuf would write to stderr by itself, a line for each text of a peer that is no UTF-8.
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel, const char*, int,
                                     const std::string& line) { LogLine(LogLevel::kDebug, line); });
  SetLogSink([logger](LogLevel line_level, std::string_view line) {
    logger->log(ToSpdlog(line_level), line);
  });
}

void LogLine(LogLevel level, const std::string& line) {
  if (const auto logger = spdlog::get(kLogger)) logger->log(ToSpdlog(level), line);
}

void Say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

int ReportError(const Status& status) {
  fmt::print(stderr, "error: {}\n", std::string(status.message()));
  return status.code() == StatusCode::kCancelled ? kInterrupted : kFailure;
}

std::string VersionLine(const std::string& program) {
  return fmt::format("{} {} (speaks Flower {})", program, std::string(Version()),
                     std::string(FlowerVersion()));
}

std::string ExitCodesHelp() {
  return "Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong command line,\n"
         "130 interrupted before the work was done.";
}

}  // namespace flwrcpp::program
