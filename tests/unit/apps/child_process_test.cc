// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/child_process.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/status_matchers.h"

namespace flwrcpp::program {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

/// Runs a script of the shell, and returns its exit code.
std::optional<int> CodeOf(const std::string& script) {
  const auto child = ChildProcess::Start({"/bin/sh", "-c", script});
  EXPECT_THAT(child, IsOk());
  if (!child.ok()) return std::nullopt;
  while (!(*child)->HasEnded()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return (*child)->exit_code();
}

TEST(ChildProcess, HasTheExitCodeOfItsProgram) {
  EXPECT_EQ(CodeOf("exit 7"), 7);
  EXPECT_EQ(CodeOf("kill -KILL $$"), 128 + 9);
}

TEST(ChildProcess, GetsNoSocketOfOurs) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);  // to be inherited, as libraries leave them
  ASSERT_GE(listener, 0);
  EXPECT_EQ(CodeOf(fmt::format("test -e /proc/$$/fd/{}", listener)), 1);
  EXPECT_EQ(CodeOf("test -e /proc/$$/fd/2"), 0);
  close(listener);
}

TEST(ChildProcess, IsAnErrorWithoutItsProgram) {
  EXPECT_THAT(ChildProcess::Start({"/nowhere/program"}),
              StatusIs(StatusCode::kUnavailable, "/nowhere/program"));
}

}  // namespace
}  // namespace flwrcpp::program
