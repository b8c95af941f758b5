// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/records.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::IsOk;
using testing::StatusIs;

TEST(OrderedMap, KeepsTheOrderOfInsertionAlsoWhenAValueIsReplaced) {
  ConfigRecord record = {{"b", 1}, {"a", 2}};
  record["c"] = true;
  record.Set("b", 0.5);

  std::vector<std::string> keys;
  for (const auto& [key, value] : record) keys.push_back(key);

  EXPECT_EQ(keys, (std::vector<std::string>{"b", "a", "c"}));
  EXPECT_EQ(*record.GetDouble("b"), 0.5);
  EXPECT_FALSE(record.contains("d"));
}

TEST(ConfigRecord, LiteralsBecomeTheTypeAReaderExpects) {
  const ConfigRecord record = {{"i", 3}, {"f", 0.5F}, {"b", false}, {"s", "text"}};

  EXPECT_TRUE(std::holds_alternative<std::int64_t>(*record.Find("i")));
  EXPECT_TRUE(std::holds_alternative<double>(*record.Find("f")));
  EXPECT_TRUE(std::holds_alternative<bool>(*record.Find("b")));
  EXPECT_TRUE(std::holds_alternative<std::string>(*record.Find("s")));
}

TEST(ConfigRecord, GettersSayWhatWasExpectedAndWhatCame) {
  const ConfigRecord record = {{"lr", "fast"}, {"epochs", 2.5}, {"whole", 2.0}, {"flag", 1}};

  EXPECT_THAT(record.GetDouble("lr"),
              StatusIs(StatusCode::kInvalidArgument, "'lr' is a str, expected a number"));
  EXPECT_THAT(record.GetInt("epochs"), StatusIs(StatusCode::kInvalidArgument, "whole number"));
  EXPECT_EQ(*record.GetInt("whole"), 2);
  EXPECT_THAT(record.GetBool("flag"),
              StatusIs(StatusCode::kInvalidArgument, "'flag' is a int, expected a bool"));
  EXPECT_THAT(record.GetString("none"), StatusIs(StatusCode::kNotFound, "'none'"));
}

TEST(MetricRecord, IntegersCountAsNumbersAndListsDoNot) {
  const MetricRecord record = {{"n", 3}, {"list", std::vector<double>{1, 2}}};

  EXPECT_EQ(*record.GetDouble("n"), 3.0);
  EXPECT_THAT(record.GetDouble("list"), StatusIs(StatusCode::kInvalidArgument, "list"));
}

TEST(RecordDict, ARecordOfAnotherKindIsNotFound) {
  const RecordDict records = {{"config", ConfigRecord{{"a", 1}}}};

  EXPECT_NE(records.FindConfig("config"), nullptr);
  EXPECT_EQ(records.FindArrays("config"), nullptr);
  EXPECT_EQ(records.FindMetrics("none"), nullptr);
}

}  // namespace
}  // namespace flwrcpp
