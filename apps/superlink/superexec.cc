// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/superexec.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "program/log.h"

namespace flwrcpp::hosting {
namespace {

using std::chrono::steady_clock;

constexpr char kProgram[] = "flower-superexec";
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kLook{50};
/// Waits before a child that ended is started again: doubled up to the longest.
constexpr std::chrono::seconds kShortestPause{1};
constexpr std::chrono::seconds kLongestPause{30};

}  // namespace

StatusOr<std::string> SuperExec::FindProgram() {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + kProgram;
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
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

pid_t SuperExec::Spawn() const {
  std::vector<char*> arguments;
  for (const std::string& word : command_) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // Our signals are blocked, which the child would inherit.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = -1;
  const int error =
      posix_spawn(&child, arguments[0], nullptr, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return child;
  program::LogLine(LogLevel::kError,
                   fmt::format("cannot start {}: {}", command_[0], std::strerror(error)));
  return -1;
}

void SuperExec::Watch() {
  std::chrono::seconds pause = kShortestPause;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const pid_t child = Spawn();
    const auto started = steady_clock::now();
    int status = 0;
    const auto ended = [&] { return child < 0 || waitpid(child, &status, WNOHANG) != 0; };
    bool has_ended = ended();
    while (!stopping_ && !has_ended) {
      changed_.wait_for(lock, kLook);
      has_ended = ended();
    }
    if (!has_ended) {
      kill(child, SIGTERM);
      const auto deadline = steady_clock::now() + kPatience;
      while (!(has_ended = ended()) && steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kLook);
      }
      if (!has_ended) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
      }
      return;
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
