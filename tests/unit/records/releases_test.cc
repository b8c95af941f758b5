// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "internal/releases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flwrcpp/version.h"
#include "tests/support/log_warnings.h"

namespace flwrcpp::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Releases, AreReadFromVersions) {
  EXPECT_EQ(ParseRelease("1.42.0"), (Release{1, 42}));
  EXPECT_EQ(ParseRelease("2.0.0rc1"), (Release{2, 0}));
  for (const char* text : {"", "1", "1.", "x", "1.x", ".42", "99999999999.1"}) {
    EXPECT_EQ(ParseRelease(text), std::nullopt) << text;
  }
}

TEST(Releases, AreOrdered) {
  EXPECT_LT((Release{1, 9}), (Release{1, 10}));
  EXPECT_LT((Release{1, 42}), (Release{2, 0}));
}

TEST(Releases, TheNewestIsTheOneThatOurMessagesAreOf) {
  EXPECT_EQ(ParseRelease(FlowerVersion()), release::kNewest);
}

TEST(Releases, NewOnesAreWarnedOfOnce) {
  const flwrcpp::testing::LogWarnings warnings;
  WarnOfNewRelease("a test", FlowerVersion());
  WarnOfNewRelease("a test", "1.20.0");
  WarnOfNewRelease("a test", "what is this?");
  EXPECT_THAT(warnings.lines(), IsEmpty());

  WarnOfNewRelease("a test", "7.1.0");
  WarnOfNewRelease("a test", "7.1.9");

  EXPECT_THAT(warnings.lines(),
              ElementsAre(AllOf(HasSubstr("a test of Flower 7.1"), HasSubstr("1.42"))));
}

}  // namespace
}  // namespace flwrcpp::internal
