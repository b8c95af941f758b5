// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::program {

/// Executable files of a name in the folders of PATH, in their order.
std::vector<std::string> FindOnPath(const std::string& name);

/// A program that was started by this one, with stdin, stdout and stderr in common and no other
/// file or socket.
class ChildProcess {
 public:
  /// @param command the program's path and its arguments.
  static StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& command);

  /// Asks the child to end, and ends it after ten seconds.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Whether the child has ended; does not wait.
  bool HasEnded();
  /// Its exit code, 128 + signal if one ended it; nothing while it runs.
  std::optional<int> exit_code() const { return exit_code_; }

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  std::optional<int> exit_code_;
};

}  // namespace flwrcpp::program
