// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/superexec.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "program/child_process.h"
#include "program/log.h"

namespace flwrcpp::hosting {
namespace {

using std::chrono::steady_clock;

constexpr char kProgram[] = "flower-superexec";
constexpr std::chrono::milliseconds kLook{50};
/// Waits before a child that ended is started again: doubled up to the longest.
constexpr std::chrono::seconds kShortestPause{1};
constexpr std::chrono::seconds kLongestPause{30};

}  // namespace

StatusOr<std::string> SuperExec::FindProgram() {
  const std::vector<std::string> found = program::FindOnPath(kProgram);
  if (!found.empty()) return found.front();
  return Status(StatusCode::kNotFound,
                fmt::format("{} is not on PATH, so runs of Flower apps stay pending: install "
                            "Flower (pip install flwr) and start again with its folder on PATH, "
                            "or start {} elsewhere and this SuperLink with --isolation process",
                            kProgram, kProgram));
}

SuperExec::SuperExec(const std::string& program, const Options& options)
    : command_{program, "--runtime-api-address", options.address, "--parent-pid",
               std::to_string(getpid())} {
  if (options.root_certificates.empty()) {
    command_.emplace_back("--insecure");
  } else {
    command_.insert(command_.end(), {"--root-certificates", options.root_certificates});
  }
  if (options.install_dependencies) {
    command_.emplace_back("--allow-runtime-dependency-installation");
  }
  watcher_ = std::thread([this] { Watch(); });
}

SuperExec::~SuperExec() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

void SuperExec::Watch() {
  std::chrono::seconds pause = kShortestPause;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto started = steady_clock::now();
    const StatusOr<std::unique_ptr<program::ChildProcess>> child =
        program::ChildProcess::Start(command_);
    if (!child.ok()) {
      program::LogLine(LogLevel::kError, std::string(child.status().message()));
    } else {
      while (!stopping_ && !(*child)->HasEnded()) changed_.wait_for(lock, kLook);
    }
    if (stopping_) return;
    // One that ran for a while gets a new start at once.
    if (steady_clock::now() - started > kLongestPause) pause = kShortestPause;
    program::LogLine(LogLevel::kWarning,
                     fmt::format("{} ended; starting it again in {} s", kProgram, pause.count()));
    changed_.wait_for(lock, pause, [this] { return stopping_; });
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace flwrcpp::hosting
