// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "program/program.h"
#include "superlink/hosting.h"

namespace flwrcpp {
namespace {

struct Options {
  hosting::HostingOptions hosting;
  std::string log_level = "info";
};

/// Reads the command line; false: the program ends with `exit_code`.
bool ParseCommandLine(int argc, char** argv, Options& options, int& exit_code) {
  CLI::App cli(
      "A SuperLink: keeps the nodes (ours or Flower's) of a federation and their messages.\n"
      "Ctrl-C ends it; with --database the next start goes on where it was.");
  cli.name("superlink");
  cli.set_version_flag("--version", program::VersionLine("superlink"));
  cli.footer("\n" + program::ExitCodesHelp());
  options.hosting.AddTo(cli);
  cli.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = cli.exit(error) == 0 ? program::kSuccess : program::kUsage;
    return false;
  }
  if (const Status status = options.hosting.Complete(); !status.ok()) {
    program::ReportError(status);
    exit_code = program::kUsage;
    return false;
  }
  return true;
}

void WaitFor(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
}

Status Serve(const Options& options, const std::stop_token& stop) {
  const StatusOr<std::unique_ptr<SuperLink>> superlink = options.hosting.Start();
  if (!superlink.ok()) return superlink.status();
  WaitFor(stop);
  (*superlink)->Stop();
  return absl::OkStatus();
}

}  // namespace
}  // namespace flwrcpp

int main(int argc, char** argv) {
  using namespace flwrcpp;
  Options options;
  int exit_code = program::kSuccess;
  if (!ParseCommandLine(argc, argv, options, exit_code)) return exit_code;
  const program::SignalStop stop;
  program::LogToStderr(options.log_level);
  const Status status = Serve(options, stop.token());
  return status.ok() ? program::kSuccess : program::ReportError(status);
}
