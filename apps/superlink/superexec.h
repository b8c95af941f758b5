// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::hosting {

/// Flower's `flower-superexec`, which runs the ServerApps of a SuperLink, as a child process that
/// is started again when it ends by itself. Destroyed, it asks the child to end, and ends it after
/// ten seconds.
class SuperExec {
 public:
  struct Options {
    std::string address;            ///< `host:port` of the Runtime API.
    std::string root_certificates;  ///< PEM file; empty: no TLS.
    bool install_dependencies = false;
  };

  /// Its program on PATH.
  /// @return `kNotFound` saying what to do about it.
  static StatusOr<std::string> FindProgram();

  /// @param program path of `flower-superexec`.
  SuperExec(const std::string& program, const Options& options);
  ~SuperExec();
  SuperExec(const SuperExec&) = delete;
  SuperExec& operator=(const SuperExec&) = delete;

 private:
  /// Keeps the child alive until `stopping_`.
  void Watch();

  std::vector<std::string> command_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread watcher_;
};

}  // namespace flwrcpp::hosting
