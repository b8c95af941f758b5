// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "program/command_line.h"
#include "program/files.h"
#include "program/log.h"
#include "program/program.h"
#include "superlink/hosting.h"
#include "superlink/superexec.h"

namespace flwrcpp {
namespace {

struct Options {
  hosting::HostingOptions hosting;
  bool start_superexec = true;
  bool install_dependencies = true;
  std::string ca_file;
  program::LogOptions log;
};

struct Raw {
  std::string isolation = "subprocess";
  std::string secret_file;
  bool no_installation = false;
};

void AddAppOptions(CLI::App& cli, Options& options, Raw& raw) {
  constexpr char kGroup[] = "Runs of Flower apps";
  cli.add_option("--isolation", raw.isolation,
                 "subprocess: starts flower-superexec, which runs the ServerApps;\n"
                 "process: waits for executors from elsewhere")
      ->check(CLI::IsMember({"subprocess", "process"}))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--superexec-auth-secret-file", raw.secret_file,
                 "File of the secret that executors share with us (--isolation process)")
      ->group(kGroup);
  cli.add_option("--ssl-ca-certfile", options.ca_file,
                 "PEM file of the CA, by which flower-superexec knows us under TLS")
      ->group(kGroup);
  cli.add_flag("--disable-runtime-dependency-installation", raw.no_installation,
               "flower-superexec does not install what an app depends on")
      ->group(kGroup);
}

Status Complete(const Raw& raw, Options& options) {
  if (Status status = options.hosting.Complete(); !status.ok()) return status;
  SuperLinkOptions& superlink = options.hosting.superlink();
  superlink.serve_apps = true;
  options.start_superexec = raw.isolation == "subprocess";
  options.install_dependencies = !raw.no_installation;
  if (options.start_superexec && !superlink.insecure && options.ca_file.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "with TLS and --isolation subprocess, --ssl-ca-certfile is needed as well");
  }
  if (raw.secret_file.empty()) return absl::OkStatus();
  if (options.start_superexec) {
    return Status(StatusCode::kInvalidArgument,
                  "--superexec-auth-secret-file needs --isolation process");
  }
  const StatusOr<std::string> secret = program::ReadTextFile(raw.secret_file);
  if (!secret.ok()) return secret.status();
  superlink.superexec_auth_secret = *secret;
  return absl::OkStatus();
}

/// Reads the command line; false: the program ends with `exit_code`.
bool ParseCommandLine(int argc, char** argv, Options& options, int& exit_code) {
  CLI::App cli(
      "A SuperLink: hosts runs of Flower apps (flwr run) on nodes, ours and Flower's.\n"
      "Ctrl-C ends it; with --database the next start goes on where it was.");
  Raw raw;
  options.hosting.AddTo(cli);
  AddAppOptions(cli, options, raw);
  const auto complete = [&] { return Complete(raw, options); };
  return program::ParseCommandLine(cli, "superlink", argc, argv, options.log, complete, exit_code);
}

void WaitFor(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
}

/// What flower-superexec, on this machine, calls us by.
std::string LoopbackAddress(const std::string& host, std::uint16_t port) {
  if (host == "0.0.0.0" || host.empty()) return fmt::format("127.0.0.1:{}", port);
  if (host == "::") return fmt::format("[::1]:{}", port);
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}:{}", is_ipv6 ? "[" + host + "]" : host, port);
}

Status Serve(Options& options, const std::stop_token& stop) {
  const StatusOr<std::unique_ptr<SuperLink>> superlink = options.hosting.Start();
  if (!superlink.ok()) return superlink.status();
  std::optional<hosting::SuperExec> superexec;
  if (options.start_superexec) {
    const StatusOr<std::string> program = hosting::SuperExec::FindProgram();
    if (program.ok()) {
      const std::string& host = options.hosting.superlink().host;
      superexec.emplace(
          *program, hosting::SuperExec::Options{LoopbackAddress(host, (*superlink)->http_port()),
                                                options.ca_file, options.install_dependencies});
    } else {
      program::LogLine(LogLevel::kWarning, std::string(program.status().message()));
    }
  }
  WaitFor(stop);
  superexec.reset();
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
  Status status = program::StartLog(options.log);
  if (status.ok()) status = Serve(options, stop.token());
  return status.ok() ? program::kSuccess : program::ReportError(status);
}
