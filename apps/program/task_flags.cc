// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/task_flags.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "program/child_process.h"
#include "program/command_line.h"

namespace flwrcpp::program {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLook{100};
/// Of a script, in which it names its interpreter.
constexpr std::size_t kBeginning = 256;

/// Whether a file is a script of Python's, as pip makes them: not this program, nor a script that
/// calls it under the same name.
bool IsPythonScript(const std::string& file) {
  std::string beginning(kBeginning, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
  beginning.resize(static_cast<std::size_t>(stream.gcount()));
  return beginning.starts_with("#!") && beginning.find("python") != std::string::npos;
}

StatusOr<std::string> FindPythonProgram(const std::string& name) {
  for (const std::string& candidate : FindOnPath(name)) {
    if (IsPythonScript(candidate)) return candidate;
  }
  return Status(StatusCode::kNotFound,
                fmt::format("the app is one of Python, and Flower's own {} is not on PATH: name it "
                            "by --python-program, or take all apps by --any-app",
                            name));
}

Status RunPython(std::vector<std::string> command, const std::stop_token& stop) {
  StatusOr<std::unique_ptr<ChildProcess>> child = ChildProcess::Start(command);
  if (!child.ok()) return child.status();
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!(*child)->HasEnded()) {
    stopped.wait_for(lock, stop, kLook, [] { return false; });
    if (stop.stop_requested()) return Status(StatusCode::kCancelled, "stop requested");
  }
  if ((*child)->exit_code() == 0) return absl::OkStatus();
  return Status(StatusCode::kUnknown,
                fmt::format("{} ended with exit code {}", command[0], *(*child)->exit_code()));
}

}  // namespace

void TaskFlags::AddTo(CLI::App& cli, const std::string& python_program) {
  name_ = python_program;
  const std::string group = "In place of Flower's " + python_program;
  cli.add_option("--runtime-api-address", address_, "host:port of who has the task of --token")
      ->group(group);
  cli.add_option("--token", token_, "Token of the task")->group(group);
  cli.add_flag("--any-app", any_app_,
               "Take the tasks of all apps; else those of Python apps go to Flower's program")
      ->group(group);
  cli.add_option("--python-program", python_program_,
                 "Flower's " + python_program + " (default: the one on PATH)")
      ->group(group);
  cli.add_option("--parent-pid", parent_pid_, "Process whose end ends this one")
      ->check(CheckAboveZero)
      ->group(group);
  cli.add_flag("--allow-runtime-dependency-installation", install_dependencies_,
               "Passed on to Flower's program")
      ->group(group);
}

Status TaskFlags::Check() const {
  if (address_.empty() == token_.empty()) return absl::OkStatus();
  return Status(StatusCode::kInvalidArgument, "--runtime-api-address and --token belong together");
}

TaskOptions TaskFlags::task() const {
  TaskOptions task;
  task.token = token_;
  if (any_app_) return task;
  task.run_python = [flags = *this](const std::string& address, std::stop_token stop) -> Status {
    std::string program = flags.python_program_;
    if (program.empty()) {
      StatusOr<std::string> found = FindPythonProgram(flags.name_);
      if (!found.ok()) return found.status();
      program = *std::move(found);
    }
    std::vector<std::string> command = {
        program,        "--runtime-api-address", address, "--token", flags.token_, "--insecure",
        "--parent-pid", std::to_string(getpid())};
    if (flags.install_dependencies_) {
      command.emplace_back("--allow-runtime-dependency-installation");
    }
    return RunPython(std::move(command), stop);
  };
  return task;
}

}  // namespace flwrcpp::program
