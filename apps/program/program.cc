// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/program.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>

#include "flwrcpp/version.h"

namespace flwrcpp::program {

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

ParentWatch::ParentWatch(int pid) {
  if (pid <= 0) return;
  thread_ = std::jthread([pid](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (kill(pid, 0) == 0 || errno != ESRCH) {
      stopped.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
      if (stop.stop_requested()) return;
    }
    kill(getpid(), SIGTERM);
  });
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

}  // namespace flwrcpp::program
