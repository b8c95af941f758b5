// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/run_config.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <map>

#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

std::string Zip(const std::map<std::string, std::string>& files) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const target = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(target);
  zip_t* const archive = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  for (const auto& [name, content] : files) {
    zip_file_add(archive, name.c_str(),
                 zip_source_buffer(archive, content.data(), content.size(), 0), 0);
  }
  zip_close(archive);
  zip_source_open(target);
  zip_stat_t info;
  zip_source_stat(target, &info);
  std::string bytes(info.size, '\0');
  zip_source_read(target, bytes.data(), bytes.size());
  zip_source_close(target);
  zip_source_free(target);
  return bytes;
}

constexpr char kPyproject[] = R"(
[project]
name = "app"
[tool.flwr.app.config]
rounds = 3
lr = 0.1
name = "x"
flag = true
[tool.flwr.app.config.optimizer]
momentum = 0.9
[tool.flwr.app.config.optimizer.deep]
er = 1
)";

TEST(RunConfig, IsTheFlattenedTableOfThePyproject) {
  const StatusOr<UserConfig> config =
      ReadFabConfig(Bytes(Zip({{"app/task.py", "print()"}, {"pyproject.toml", kPyproject}})));

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->size(), 6U);
  EXPECT_EQ(*config->Find("rounds"), ConfigValue(std::int64_t{3}));
  EXPECT_EQ(*config->Find("lr"), ConfigValue(0.1));
  EXPECT_EQ(*config->Find("name"), ConfigValue(std::string("x")));
  EXPECT_EQ(*config->Find("flag"), ConfigValue(true));
  EXPECT_EQ(*config->Find("optimizer.momentum"), ConfigValue(0.9));
  EXPECT_EQ(*config->Find("optimizer.deep.er"), ConfigValue(std::int64_t{1}));
}

TEST(RunConfig, IsEmptyForAnAppWithoutConfig) {
  const StatusOr<UserConfig> config = ReadAppConfig("[project]\nname = 'app'");

  ASSERT_THAT(config, IsOk());
  EXPECT_TRUE(config->empty());
}

TEST(RunConfig, OverridesReplaceAndAdd) {
  const UserConfig config =
      Overlay({{"lr", 0.1}, {"rounds", std::int64_t{3}}}, {{"lr", 0.5}, {"new", std::string("x")}});

  EXPECT_EQ(config,
            (UserConfig{{"lr", 0.5}, {"rounds", std::int64_t{3}}, {"new", std::string("x")}}));
}

TEST(RunConfig, RefusesValuesThatAreNoScalars) {
  for (const char* value : {"[1, 2]", "2026-01-31", "12:00:00"}) {
    EXPECT_THAT(ReadAppConfig(std::string("[tool.flwr.app.config]\nkey = ") + value),
                StatusIs(StatusCode::kInvalidArgument, "'key'"))
        << value;
  }
  EXPECT_THAT(ReadAppConfig("[tool.flwr.app]\nconfig = 5"), StatusIs(StatusCode::kInvalidArgument));
}

TEST(RunConfig, RefusesWhatIsNoToml) {
  EXPECT_THAT(ReadAppConfig("[tool.flwr"), StatusIs(StatusCode::kInvalidArgument, "TOML"));
  EXPECT_THAT(ReadAppConfig("\xff\xfe"), StatusIs(StatusCode::kInvalidArgument));
}

// toml++ recurses for each part of a key: half a million of them crashed the node.
TEST(RunConfig, RefusesKeysThatAreNestedTooDeeply) {
  const auto refused = StatusIs(StatusCode::kInvalidArgument, "parts");
  std::string key = "a";
  for (int i = 0; i < 500000; ++i) key += ".a";
  EXPECT_THAT(ReadAppConfig("[" + key + "]"), refused);
  EXPECT_THAT(ReadAppConfig(key + " = 1"), refused);
  // Behind strings and comments that look as if they went on.
  EXPECT_THAT(ReadAppConfig("x = '''\n\"''' # \"\ny = \"\\\"\"\nz = { " + key + " = 1 }"), refused);
  std::string quoted = "'a'";
  for (int i = 0; i < 100; ++i) quoted += " . \"a\\\",\"";
  EXPECT_THAT(ReadAppConfig(quoted + " = 1"), refused);
}

TEST(RunConfig, DotsThatNestNothingDoNotCount) {
  const std::string dots(1000, '.');
  const StatusOr<UserConfig> config = ReadAppConfig(
      "[project] # " + dots + "\na = '" + dots + "'\nb = \"\"\"\n" + dots + "\"\"\"\nc = '''" +
      dots + "'''\nd = \"\\\"" + dots + "\"\n[tool.flwr.app.config]\na.b.c = 0.5\n");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(*config, (UserConfig{{"a.b.c", 0.5}}));
}

// A flattened key repeats the table's name: a few kilobytes would become many megabytes.
TEST(RunConfig, RefusesKeysThatBecomeTooLong) {
  const std::string name(2000, 'k');

  EXPECT_THAT(ReadAppConfig("[tool.flwr.app.config." + name + "]\na = 1\nb = 2\n"),
              StatusIs(StatusCode::kInvalidArgument, "key of more than"));
}

TEST(RunConfig, RefusesWhatIsNoFab) {
  EXPECT_THAT(ReadFabConfig(Bytes("no zip")), StatusIs(StatusCode::kInvalidArgument, "zip"));
  EXPECT_THAT(ReadFabConfig(Bytes()), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadFabConfig(Bytes(Zip({{"other.toml", ""}}))),
              StatusIs(StatusCode::kInvalidArgument, "pyproject.toml"));
}

TEST(RunConfig, DoesNotUnpackAHugePyproject) {
  EXPECT_THAT(ReadFabConfig(Bytes(Zip({{"pyproject.toml", std::string(64 << 20, '#')}}))),
              StatusIs(StatusCode::kInvalidArgument, "67108864"));
}

TEST(RunConfig, RefusesADamagedFab) {
  const std::string zip = Zip({{"pyproject.toml", kPyproject}});
  int refused = 0;
  for (std::size_t i = 0; i < zip.size(); ++i) {
    std::string damaged = zip;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    // Some bytes mean nothing; none may do harm, and no damaged content may get through.
    const StatusOr<UserConfig> config = ReadFabConfig(Bytes(damaged));
    if (config.ok()) {
      EXPECT_EQ(*config, *ReadAppConfig(kPyproject)) << i;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace flwrcpp::internal
