// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::program {
namespace {

namespace fs = std::filesystem;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

class LogFileTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_THAT(StartLog({}), IsOk()); }

  void Write(const std::string& name, const std::string& text, std::chrono::hours age) const {
    std::ofstream(directory_.File(name)) << text;
    fs::last_write_time(directory_.File(name), fs::file_time_type::clock::now() - age);
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(directory_.File(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  LogOptions Options() const {
    LogOptions options;
    options.file = directory_.File("log");
    options.rotation_interval_hours = 2;
    options.rotation_backup_count = 2;
    return options;
  }

  flwrcpp::testing::TempDir directory_;
};

TEST_F(LogFileTest, AFileWhoseTimeIsUpIsPutAsideAndTheOldestGoes) {
  Write("log", "now one\n", std::chrono::hours(3));
  Write("log.1", "now two\n", std::chrono::hours(5));
  Write("log.2", "now gone\n", std::chrono::hours(7));
  ASSERT_THAT(StartLog(Options()), IsOk());

  LogLine(LogLevel::kInfo, "first line");
  LogLine(LogLevel::kInfo, "second line");

  EXPECT_THAT(Read("log"), HasSubstr("first line"));
  EXPECT_THAT(Read("log"), HasSubstr("second line"));
  EXPECT_THAT(Read("log"), Not(HasSubstr("now one")));
  EXPECT_EQ(Read("log.1"), "now one\n");
  EXPECT_EQ(Read("log.2"), "now two\n");
  EXPECT_FALSE(fs::exists(directory_.File("log.3")));
}

TEST_F(LogFileTest, AYoungFileIsGoneOnWith) {
  Write("log", "before\n", std::chrono::hours(1));
  ASSERT_THAT(StartLog(Options()), IsOk());

  LogLine(LogLevel::kWarning, "after");

  EXPECT_THAT(Read("log"), HasSubstr("before\n"));
  EXPECT_THAT(Read("log"), HasSubstr("warning after"));
  EXPECT_FALSE(fs::exists(directory_.File("log.1")));
}

TEST_F(LogFileTest, LinesBelowTheLevelAreLeftOut) {
  LogOptions options = Options();
  options.level = "warning";
  ASSERT_THAT(StartLog(options), IsOk());

  LogLine(LogLevel::kInfo, "quiet");
  LogLine(LogLevel::kError, "loud");

  EXPECT_THAT(Read("log"), Not(HasSubstr("quiet")));
  EXPECT_THAT(Read("log"), HasSubstr("loud"));
}

TEST_F(LogFileTest, AFileThatCannotBeWrittenIsNamed) {
  LogOptions options = Options();
  options.file = directory_.File("no/such/folder");

  EXPECT_THAT(StartLog(options), StatusIs(StatusCode::kUnavailable, "no/such/folder"));
}

}  // namespace
}  // namespace flwrcpp::program
