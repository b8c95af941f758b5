// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/pyproject.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

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

TEST(AppConfig, IsTheFlattenedTableOfThePyproject) {
  const StatusOr<UserConfig> config = ReadAppConfig(kPyproject);

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->size(), 6U);
  EXPECT_EQ(*config->Find("rounds"), ConfigValue(std::int64_t{3}));
  EXPECT_EQ(*config->Find("lr"), ConfigValue(0.1));
  EXPECT_EQ(*config->Find("name"), ConfigValue(std::string("x")));
  EXPECT_EQ(*config->Find("flag"), ConfigValue(true));
  EXPECT_EQ(*config->Find("optimizer.momentum"), ConfigValue(0.9));
  EXPECT_EQ(*config->Find("optimizer.deep.er"), ConfigValue(std::int64_t{1}));
}

TEST(AppConfig, IsEmptyForAnAppWithoutConfig) {
  const StatusOr<UserConfig> config = ReadAppConfig("[project]\nname = 'app'");

  ASSERT_THAT(config, IsOk());
  EXPECT_TRUE(config->empty());
}

TEST(AppConfig, RefusesValuesThatAreNoScalars) {
  for (const char* value : {"[1, 2]", "2026-01-31", "12:00:00"}) {
    EXPECT_THAT(ReadAppConfig(std::string("[tool.flwr.app.config]\nkey = ") + value),
                StatusIs(StatusCode::kInvalidArgument, "'key'"))
        << value;
  }
  EXPECT_THAT(ReadAppConfig("[tool.flwr.app]\nconfig = 5"), StatusIs(StatusCode::kInvalidArgument));
}

TEST(AppConfig, RefusesWhatIsNoToml) {
  EXPECT_THAT(ReadAppConfig("[tool.flwr"), StatusIs(StatusCode::kInvalidArgument, "TOML"));
  EXPECT_THAT(ReadAppConfig("\xff\xfe"), StatusIs(StatusCode::kInvalidArgument));
}

// toml++ recurses for each part of a key: half a million of them crashed the node.
TEST(AppConfig, RefusesKeysThatAreNestedTooDeeply) {
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

TEST(AppConfig, DotsThatNestNothingDoNotCount) {
  const std::string dots(1000, '.');
  const StatusOr<UserConfig> config = ReadAppConfig(
      "[project] # " + dots + "\na = '" + dots + "'\nb = \"\"\"\n" + dots + "\"\"\"\nc = '''" +
      dots + "'''\nd = \"\\\"" + dots + "\"\n[tool.flwr.app.config]\na.b.c = 0.5\n");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(*config, (UserConfig{{"a.b.c", 0.5}}));
}

// A flattened key repeats the table's name: a few kilobytes would become many megabytes.
TEST(AppConfig, RefusesKeysThatBecomeTooLong) {
  const std::string name(2000, 'k');

  EXPECT_THAT(ReadAppConfig("[tool.flwr.app.config." + name + "]\na = 1\nb = 2\n"),
              StatusIs(StatusCode::kInvalidArgument, "key of more than"));
}

/// A pyproject.toml in parts that a test can replace.
struct Parts {
  std::string project = "name = 'app'\nversion = '1.2.3'\n";
  std::string app = "publisher = 'acme'\n";
  std::string components = "serverapp = 'app.server:app'\nclientapp = 'app.client:app'\n";

  std::string text() const {
    return "[project]\n" + project + "[tool.flwr.app]\n" + app + "[tool.flwr.app.components]\n" +
           components;
  }
};

/// Parts that keep the rules of format version 1.
Parts Version1() {
  Parts parts;
  parts.project +=
      "license.file = 'LICENSE'\n"
      "dependencies = ['numpy', 'flwr[simulation]>=1.19.0,<2.0']\n";
  parts.app += "fab-format-version = 1\nflwr-version-target = '1.42.0'\n";
  return parts;
}

TEST(AppInfo, IsWhatThePyprojectSays) {
  const StatusOr<FabInfo> info = ReadAppInfo(Parts().text() + "[tool.flwr.app.config]\na.b = 1\n");

  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->fab_id(), "acme/app");
  EXPECT_EQ(info->version, "1.2.3");
  EXPECT_EQ(info->serverapp, "app.server:app");
  EXPECT_EQ(info->clientapp, "app.client:app");
  EXPECT_FALSE(info->has_agentapp);
  EXPECT_EQ(info->config, (UserConfig{{"a.b", std::int64_t{1}}}));
}

TEST(AppInfo, RefusesWhatLacksSomething) {
  Parts parts;
  parts.project = "name = 'app'\n";
  EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "'version'"));
  parts.project = "version = '1.2.3'\n";
  EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "'name'"));
  parts.project = "version = '1.2.3'\nname = 5\n";
  EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "'name'"));
  parts = Parts();
  parts.app = "";
  EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "'publisher'"));
  EXPECT_THAT(ReadAppInfo(""), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadAppInfo("project = 1\ntool = 2"), StatusIs(StatusCode::kInvalidArgument));
}

// The names become a path on the machine that runs the app, and lines of a terminal.
TEST(AppInfo, RefusesNamesThatLeadElsewhere) {
  for (const char* name : {"'../../x'", "'a\\b'", "\"a\\u001b[2J\""}) {
    Parts parts;
    parts.app = std::string("publisher = ") + name + "\n";
    EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "'publisher'"))
        << name;
  }
}

TEST(AppInfo, NeedsBothComponentsOrAnAgent) {
  Parts parts;
  parts.components = "serverapp = 'a:b'\n";
  EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "clientapp"));
  parts.components = "clientapp = 'a:b'\n";
  EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "serverapp"));

  parts.components = "agentapp = 'a:b'\n";
  const StatusOr<FabInfo> info = ReadAppInfo(parts.text());
  ASSERT_THAT(info, IsOk());
  EXPECT_TRUE(info->has_agentapp);
}

TEST(AppInfo, RefusesComponentsThatAreNoReferences) {
  for (const char* reference : {"'app'", "':app'", "'app:'", "''", "5"}) {
    Parts parts;
    parts.components = std::string("clientapp = 'a:b'\nserverapp = ") + reference + "\n";
    EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "'serverapp'"))
        << reference;
  }
}

TEST(AppInfo, RefusesListsThatAreNoPatterns) {
  for (const char* list : {"[]", "['a', ' ']", "[1]", "'*.py'"}) {
    Parts parts;
    parts.app += std::string("fab-include = ") + list + "\n";
    EXPECT_THAT(ReadAppInfo(parts.text()), StatusIs(StatusCode::kInvalidArgument, "'fab-include'"))
        << list;
  }
  Parts parts;
  parts.app += "fab-exclude = ['*.txt']\n";
  EXPECT_THAT(ReadAppInfo(parts.text()), IsOk());
}

TEST(AppInfo, RefusesUnknownFormats) {
  for (const char* version : {"2", "-1", "true", "'1'"}) {
    Parts parts;
    parts.app += std::string("fab-format-version = ") + version + "\n";
    EXPECT_THAT(ReadAppInfo(parts.text()),
                StatusIs(StatusCode::kInvalidArgument, "'fab-format-version'"))
        << version;
  }
}

TEST(AppInfo, Version1AsksForLicenseAndFlwr) {
  EXPECT_THAT(ReadAppInfo(Version1().text()), IsOk());

  const auto refusal = [](const std::string& from, const std::string& to) {
    std::string text = Version1().text();
    text.replace(text.find(from), from.size(), to);
    return ReadAppInfo(text);
  };
  EXPECT_THAT(refusal("'LICENSE'", "'COPYING'"), StatusIs(StatusCode::kInvalidArgument, "license"));
  EXPECT_THAT(refusal("license.file = 'LICENSE'", "license = 'MIT'"),
              StatusIs(StatusCode::kInvalidArgument, "license"));
  EXPECT_THAT(refusal("flwr-version-target", "other"),
              StatusIs(StatusCode::kInvalidArgument, "'flwr-version-target'"));
  EXPECT_THAT(refusal("'1.42.0'", "'2.0'"), StatusIs(StatusCode::kInvalidArgument, "allows"));
  EXPECT_THAT(refusal("'1.42.0'", "'1.18'"), StatusIs(StatusCode::kInvalidArgument, "allows"));
  EXPECT_THAT(refusal("'1.42.0'", "'new'"), StatusIs(StatusCode::kInvalidArgument, "no version"));
  EXPECT_THAT(refusal("'flwr[", "'flower["),
              StatusIs(StatusCode::kInvalidArgument, "no dependency on flwr"));
  EXPECT_THAT(refusal("'numpy'", "'flwr'"),
              StatusIs(StatusCode::kInvalidArgument, "more than one"));
  EXPECT_THAT(refusal(">=1.19.0,", ""), StatusIs(StatusCode::kInvalidArgument, ">="));
}

}  // namespace
}  // namespace flwrcpp::internal
