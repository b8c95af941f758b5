// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "flwrcpp/status.h"
#include "flwrcpp/task.h"

namespace CLI {
class App;
}

namespace flwrcpp::program {

/// The flags with which Flower's SuperExec starts the process of an app, and ours beside them.
class TaskFlags {
 public:
  /// Adds the flags to `cli`, which keeps pointing at this object.
  /// @param python_program Flower's program for such tasks: `flwr-serverapp` or `flwr-clientapp`.
  void AddTo(CLI::App& cli, const std::string& python_program);

  /// After parsing: checks the flags against each other.
  Status Check() const;

  /// Whether there is a task.
  bool given() const { return !address_.empty(); }
  const std::string& address() const { return address_; }
  /// Process whose end ends this one; 0: none.
  int parent_pid() const { return parent_pid_; }

  /// The task; apps of Python are handed to Flower's program unless `--any-app` was given.
  TaskOptions task() const;

 private:
  std::string name_;
  std::string address_;
  std::string token_;
  std::string python_program_;
  int parent_pid_ = 0;
  bool install_dependencies_ = false;
  bool any_app_ = false;
};

}  // namespace flwrcpp::program
