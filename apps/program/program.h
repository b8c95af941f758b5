// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <stop_token>
#include <string>
#include <thread>

#include "flwrcpp/status.h"

namespace flwrcpp::program {

/// Exit codes of our programs.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;        ///< Something went wrong; one line on stderr says what.
inline constexpr int kUsage = 2;          ///< The command line is wrong.
inline constexpr int kInterrupted = 130;  ///< Ended by Ctrl-C or SIGTERM before the work was done.

/// Turns SIGINT and SIGTERM into a stop request; a second one ends the process at once.
/// Make it before any other thread: those inherit that the signals are blocked.
class SignalStop {
 public:
  SignalStop();
  ~SignalStop();
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  bool requested() const { return source_.stop_requested(); }

 private:
  sigset_t signals_{};
  std::stop_source source_;
  std::thread thread_;
};

/// Ends this process as Ctrl-C would when another one has ended.
class ParentWatch {
 public:
  /// @param pid 0: there is none.
  explicit ParentWatch(int pid);

 private:
  std::jthread thread_;
};

/// Prints a line to stdout and flushes it, so that whoever waits for it sees it.
void Say(const std::string& line);

/// Prints `error: …` to stderr; returns the exit code for `status`.
int ReportError(const Status& status);

/// What `--version` prints.
std::string VersionLine(const std::string& program);

}  // namespace flwrcpp::program
