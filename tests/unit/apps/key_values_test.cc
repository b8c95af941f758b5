// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/key_values.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace flwrcpp::program {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

StatusOr<UserConfig> Parse(const std::string& text) {
  return ParseKeyValues("--flag", "a=1", text);
}

TEST(KeyValues, ValuesAreToml) {
  const auto config = Parse("partition-id=3 name='a b'  rate=0.5 flag=true text=\"x=y\"");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(*config, (UserConfig{{"partition-id", 3},
                                 {"name", std::string("a b")},
                                 {"rate", 0.5},
                                 {"flag", true},
                                 {"text", std::string("x=y")}}));
  EXPECT_TRUE(Parse(" ")->empty());
}

TEST(KeyValues, WhatCannotBeReadIsShown) {
  EXPECT_THAT(Parse("a=1 b"),
              StatusIs(StatusCode::kInvalidArgument,
                       "--flag: 'b' cannot be read, expected key=value pairs such as \"a=1\""));
  EXPECT_THAT(Parse("a=word"), StatusIs(StatusCode::kInvalidArgument, "word"));
  EXPECT_THAT(Parse("a=[1]"), StatusIs(StatusCode::kInvalidArgument, "'a'"));
}

}  // namespace
}  // namespace flwrcpp::program
