// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/python_version.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

PythonVersion Version(std::string_view text) {
  const StatusOr<PythonVersion> version = PythonVersion::Parse(text);
  EXPECT_THAT(version, IsOk()) << text;
  return version.value_or(PythonVersion());
}

bool Allows(std::string_view requirement, std::string_view version) {
  const StatusOr<PythonRequirement> parsed = PythonRequirement::Parse(requirement);
  EXPECT_THAT(parsed, IsOk()) << requirement;
  return parsed.ok() && parsed->Allows(Version(version));
}

TEST(PythonVersion, IsOrderedAsPep440Says) {
  const char* const kAscending[] = {"1.0.dev1",  "1.0a1.dev2", "1.0a1", "1.0b2", "1.0rc1", "1.0",
                                    "1.0.post1", "1.0.1",      "1.2",   "1.10",  "2",      "1!0.1"};
  for (std::size_t i = 1; i < std::size(kAscending); ++i) {
    EXPECT_LT(Version(kAscending[i - 1]), Version(kAscending[i])) << kAscending[i];
  }
}

TEST(PythonVersion, HasSpellingsThatAreTheSame) {
  EXPECT_EQ(Version("1.0"), Version("1"));
  EXPECT_EQ(Version(" v1.0.0 "), Version("1"));
  EXPECT_EQ(Version("1.0-alpha_1"), Version("1.0A1"));
  EXPECT_EQ(Version("1.0-3"), Version("1.0.post3"));
  EXPECT_EQ(Version("1.0+debian.1"), Version("1.0"));
}

TEST(PythonVersion, RefusesWhatIsNone) {
  for (const char* text : {"", "x", "1.", "1..2", "1.0-", "1.0x", "1.0a1b2", "1 0", "1!", "1.0+",
                           "99999999999999999999", "1.0+a/b"}) {
    EXPECT_THAT(PythonVersion::Parse(text), StatusIs(StatusCode::kInvalidArgument)) << text;
  }
}

TEST(PythonRequirement, AllowsWhatKeepsAllBounds) {
  EXPECT_TRUE(Allows("flwr", "1.0"));
  EXPECT_TRUE(Allows("flwr[simulation, x] >= 1.19 , < 2; python_version > '3.9'", "1.42.0"));
  EXPECT_FALSE(Allows("flwr>=1.19,<2", "2.0"));
  EXPECT_TRUE(Allows("flwr (>=1.19)", "1.19"));
  EXPECT_TRUE(Allows("flwr==1.42.*", "1.42.7"));
  EXPECT_FALSE(Allows("flwr==1.42", "1.42.7"));
  EXPECT_FALSE(Allows("flwr!=1.42.*", "1.42.7"));
  EXPECT_TRUE(Allows("flwr~=1.42.1", "1.42.7"));
  EXPECT_FALSE(Allows("flwr~=1.42.1", "1.43"));
  EXPECT_FALSE(Allows("flwr~=1.42.1", "1.42"));
  EXPECT_TRUE(Allows("flwr @ https://example.org/flwr.whl", "1.0"));
}

TEST(PythonRequirement, AllowsPrereleasesOnlyWhereOneIsNamed) {
  EXPECT_FALSE(Allows("flwr>=1.19", "1.42rc1"));
  EXPECT_TRUE(Allows("flwr>=1.19a1", "1.42rc1"));
}

TEST(PythonRequirement, RefusesWhatIsNone) {
  for (const char* text : {"", ">=1", "flwr 1.0", "flwr>=", "flwr[x", "flwr>=1,,<2", "flwr~=1"}) {
    EXPECT_THAT(PythonRequirement::Parse(text), StatusIs(StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace flwrcpp::internal
