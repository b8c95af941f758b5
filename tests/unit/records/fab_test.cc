// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/fab.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/test_fab.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::MakeZip;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::TestPyproject;

const std::string kPyproject = TestPyproject("lr = 0.1\nname = 'x'\n");

/// A FAB with one file more.
Bytes FabWith(const std::string& name, const std::string& content) {
  return Bytes(MakeZip({{"pyproject.toml", kPyproject}, {name, content}}));
}

TEST(Fab, SaysWhatItsPyprojectSays) {
  for (const bool deflated : {true, false}) {
    const StatusOr<FabInfo> info = ReadFab(Bytes(MakeZip(
        {{"pyproject.toml", kPyproject}, {"app/task.py", "x"}, {".info/CONTENT", ""}}, deflated)));

    ASSERT_THAT(info, IsOk());
    EXPECT_EQ(info->fab_id(), "acme/app");
    EXPECT_EQ(info->version, "1.2.3");
    EXPECT_EQ(info->config, (UserConfig{{"lr", 0.1}, {"name", std::string("x")}}));
  }
}

TEST(Fab, RefusesNamesThatLeadOut) {
  for (const char* name :
       {"../x.py", "a/../../x.py", "/etc/x", "a/..", "..\\x.py", "C:x.py", "./x"}) {
    EXPECT_THAT(ReadFab(FabWith(name, "x")),
                StatusIs(StatusCode::kInvalidArgument, "leads out of its directory"))
        << name;
  }
  for (const char* name : {"a/b.py", "..x", "a/...", "a..b/c", ".info/CONTENT", "directory/"}) {
    EXPECT_THAT(ReadFab(FabWith(name, "x")), IsOk()) << name;
  }
}

// Who checks it and who unpacks it might take different ones.
TEST(Fab, RefusesTheSameNameTwice) {
  std::string zip = MakeZip({{"pyproject.toml", kPyproject}, {"pyproject.tomi", "x"}}, false);
  for (std::size_t at = zip.find("tomi"); at != std::string::npos; at = zip.find("tomi")) {
    zip[at + 3] = 'l';
  }
  EXPECT_THAT(ReadFab(Bytes(zip)), StatusIs(StatusCode::kInvalidArgument, "twice"));
}

TEST(Fab, RefusesAZipBomb) {
  const std::string zeros(std::size_t{60} << 20, '\0');
  const Bytes bomb(MakeZip({{"pyproject.toml", kPyproject}, {"a", zeros}, {"b", zeros}}));

  ASSERT_LT(bomb.size(), kMaxFabBytes);
  EXPECT_THAT(ReadFab(bomb), StatusIs(StatusCode::kInvalidArgument, "unpacks to more than"));
  EXPECT_THAT(ReadFab(FabWith("a", zeros)), IsOk());
}

TEST(Fab, RefusesOneThatIsTooLarge) {
  const Bytes fab(
      MakeZip({{"pyproject.toml", kPyproject}, {"a", std::string(kMaxFabBytes, 'x')}}, false));

  EXPECT_THAT(ReadFab(fab), StatusIs(StatusCode::kInvalidArgument, "more than 10485760"));
}

TEST(Fab, RefusesWhatIsNoFab) {
  EXPECT_THAT(ReadFab(Bytes("no zip")), StatusIs(StatusCode::kInvalidArgument, "zip"));
  EXPECT_THAT(ReadFab(Bytes(MakeZip({{"other.toml", ""}}))),
              StatusIs(StatusCode::kInvalidArgument, "pyproject.toml"));
}

TEST(FabConfig, OverridesReplaceAndAdd) {
  const UserConfig config =
      Overlay({{"lr", 0.1}, {"rounds", std::int64_t{3}}}, {{"lr", 0.5}, {"new", std::string("x")}});

  EXPECT_EQ(config,
            (UserConfig{{"lr", 0.5}, {"rounds", std::int64_t{3}}, {"new", std::string("x")}}));
}

TEST(FabConfig, RefusesWhatIsNoFab) {
  EXPECT_THAT(ReadFabConfig(Bytes("no zip")), StatusIs(StatusCode::kInvalidArgument, "zip"));
  EXPECT_THAT(ReadFabConfig(Bytes()), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadFabConfig(Bytes(MakeZip({{"other.toml", ""}}))),
              StatusIs(StatusCode::kInvalidArgument, "pyproject.toml"));
}

TEST(FabConfig, DoesNotUnpackAHugePyproject) {
  EXPECT_THAT(ReadFabConfig(Bytes(MakeZip({{"pyproject.toml", std::string(64 << 20, '#')}}))),
              StatusIs(StatusCode::kInvalidArgument, "67108864"));
}

TEST(FabConfig, RefusesADamagedFab) {
  const std::string zip = MakeZip({{"pyproject.toml", kPyproject}});
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
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace flwrcpp::internal
