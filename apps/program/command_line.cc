// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/command_line.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

#include "program/program.h"

namespace flwrcpp::program {
namespace {

constexpr char kExitCodes[] =
    "\nExit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong command line,\n"
    "130 interrupted before the work was done.";

void AddLogOptions(CLI::App& cli, LogOptions& log) {
  constexpr char kGroup[] = "Log";
  cli.add_option("--log-level", log.level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--log-file", log.file, "File that gets the log as well, rotated by time")
      ->group(kGroup);
  cli.add_option("--log-rotation-interval-hours", log.rotation_interval_hours,
                 "Hours after which a new log file is begun")
      ->check(CLI::Range(1, 24 * 366))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--log-rotation-backup-count", log.rotation_backup_count,
                 "How many earlier log files are kept")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str()
      ->group(kGroup);
}

/// Empty if a number in `text` is as expected; CLI11's own checks name the range of doubles.
std::string CheckNumber(const std::string& text, bool (*is_good)(double), const char* expected) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool is_number = !text.empty() && *end == '\0' && std::isfinite(number);
  if (is_number && is_good(number)) return "";
  return text + ", expected a number " + expected;
}

std::string FailureMessage(const CLI::App* /*cli*/, const CLI::Error& error) {
  return std::string("error: ") + error.what() + "\nRun with --help for more information.\n";
}

}  // namespace

std::string CheckAboveZero(const std::string& text) {
  return CheckNumber(
      text, [](double number) { return number > 0; }, "above 0");
}

std::string CheckNotNegative(const std::string& text) {
  return CheckNumber(
      text, [](double number) { return number >= 0; }, "of at least 0");
}

bool ParseCommandLine(CLI::App& cli, const std::string& name, int argc, char** argv,
                      LogOptions& log, const std::function<Status()>& complete, int& exit_code) {
  cli.name(name);
  cli.set_version_flag("--version", VersionLine(name));
  cli.footer(kExitCodes);
  cli.failure_message(FailureMessage);
  AddLogOptions(cli, log);
  bool check_only = false;
  cli.add_flag("--check", check_only, "Only say whether the command line is right");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = cli.exit(error) == 0 ? kSuccess : kUsage;
    return false;
  }
  if (const Status status = complete(); !status.ok()) {
    ReportError(status);
    exit_code = kUsage;
    return false;
  }
  exit_code = kSuccess;
  return !check_only;
}

}  // namespace flwrcpp::program
