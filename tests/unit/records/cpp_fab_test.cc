// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/cpp_fab.h"

#include <gtest/gtest.h>

#include "records/fab.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

UserConfig TestConfig() {
  UserConfig config;
  config.Set("rounds", std::int64_t{3});
  config.Set("lr", 0.25);
  config.Set("name", std::string("a \"quoted\" text\nof two lines"));
  config.Set("shuffle", true);
  config.Set("nested.key", std::int64_t{-1});
  return config;
}

TEST(CppFab, SaysThatItsAppsAreCppOnesAndHoldsTheConfig) {
  const StatusOr<Bytes> fab = MakeCppFab(TestConfig());
  ASSERT_THAT(fab, IsOk());

  const StatusOr<FabInfo> info = ReadFab(*fab);

  ASSERT_THAT(info, IsOk());
  EXPECT_TRUE(info->has_cpp_serverapp);
  EXPECT_TRUE(info->has_cpp_clientapp);
  EXPECT_EQ(info->config.size(), TestConfig().size());
  for (const auto& [key, value] : TestConfig()) EXPECT_EQ(*info->config.Find(key), value) << key;
}

TEST(CppFab, IsTheSameForTheSameConfig) {
  EXPECT_EQ(MakeCppFab(TestConfig())->view(), MakeCppFab(TestConfig())->view());
  EXPECT_NE(MakeCppFab(TestConfig())->view(), MakeCppFab({})->view());
}

TEST(CppFab, RefusesValuesThatTomlDoesNotHave) {
  UserConfig config;
  config.Set("key", ByteString{"raw"});

  EXPECT_THAT(MakeCppFab(config), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace flwrcpp::internal
