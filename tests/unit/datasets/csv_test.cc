// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/dataset_files.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::DatasetDirectory;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::Json;
using flwrcpp::testing::ReadGoldenJson;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

StatusOr<Table> Parse(std::string_view text, const CsvOptions& options) {
  return ParseCsv(text, "t.csv", options);
}

template <typename T>
std::vector<T> Values(const StatusOr<Table>& table, std::string_view name) {
  EXPECT_THAT(table, IsOk());
  if (!table.ok()) return {};
  const auto values = table->Get<T>(name);
  EXPECT_THAT(values, IsOk());
  if (!values.ok()) return {};
  return {values->begin(), values->end()};
}

Column GoldenColumn(const Json& column) {
  if (column.at("type") == "int64") return column.at("values").get<std::vector<std::int64_t>>();
  auto texts = column.at("values").get<std::vector<std::string>>();
  if (column.at("type") == "string") return texts;
  std::vector<double> values;
  for (const std::string& text : texts) values.push_back(std::stod(text));
  return values;
}

/// Equality in which NaN equals NaN.
bool Same(const Column& a, const Column& b) {
  const auto* const first = std::get_if<std::vector<double>>(&a);
  const auto* const second = std::get_if<std::vector<double>>(&b);
  if (first == nullptr || second == nullptr) return a == b;
  return std::equal(first->begin(), first->end(), second->begin(), second->end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

TEST(Csv, ReadsWhatPandasReads) {
  const Json golden = ReadGoldenJson("datasets.json");
  std::size_t cases = 0;
  for (const auto& [name, golden_case] : golden.at("csv").items()) {
    SCOPED_TRACE(name);
    const StatusOr<Table> table = Parse(golden_case.at("text").get<std::string>(), {});
    ASSERT_THAT(table, IsOk());
    const Json& columns = golden_case.at("columns");
    ASSERT_EQ(table->columns().size(), columns.size());
    std::size_t i = 0;
    for (const auto& [column_name, column] : columns.items()) {
      EXPECT_EQ(table->columns()[i].name, column_name);
      EXPECT_TRUE(Same(table->columns()[i].values, GoldenColumn(column))) << column_name;
      ++i;
    }
    ++cases;
  }
  EXPECT_GE(cases, 16U);
}

TEST(Csv, KeepsWordsForMissingNumbersInTextColumns) {
  const auto table = Parse("name\nNA\nMiller\n", {});

  EXPECT_THAT(Values<std::string>(table, "name"), ElementsAre("NA", "Miller"));
}

TEST(Csv, KeepsIntegersThatNoNumberHoldsAsTexts) {
  const auto table = Parse("id\n1\n9223372036854775808\n", {});

  EXPECT_THAT(Values<std::string>(table, "id"), ElementsAre("1", "9223372036854775808"));
}

TEST(Csv, ReadsAColumnWithTheTypeAskedFor) {
  const auto table = Parse(
      "zip,n,x\n01234,5,1\n00001,6,\n",
      {.types = {{"zip", CsvType::kString}, {"n", CsvType::kDouble}, {"x", CsvType::kDouble}}});

  EXPECT_THAT(Values<std::string>(table, "zip"), ElementsAre("01234", "00001"));
  EXPECT_THAT(Values<double>(table, "n"), ElementsAre(5.0, 6.0));
  EXPECT_TRUE(std::isnan(Values<double>(table, "x").at(1)));
}

TEST(Csv, TakesNamesFromTheOptionsOrNumbersTheColumns) {
  EXPECT_THAT(
      Values<std::int64_t>(Parse("1;2\n3;4\n", {.delimiter = ';', .has_header = false}), "1"),
      ElementsAre(2, 4));
  EXPECT_THAT(Values<std::int64_t>(
                  Parse("1,2\n3,4\n", {.has_header = false, .column_names = {"a", "b"}}), "b"),
              ElementsAre(2, 4));
  EXPECT_THAT(Values<std::int64_t>(Parse("x,y\n3,4\n", {.column_names = {"a", "b"}}), "b"),
              ElementsAre(4));
}

TEST(Csv, AHeaderAloneIsATableWithoutRows) {
  const auto table = Parse("a,b", {});

  ASSERT_THAT(table, IsOk());
  EXPECT_EQ(table->num_rows(), 0U);
  EXPECT_THAT(table->column_names(), ElementsAre("a", "b"));
}

TEST(Csv, NamesFileLineAndColumnOfWhatIsWrong) {
  EXPECT_THAT(Parse("a,b\n1,2\n\"x\ny\",3\n4,5,6\n", {}),
              StatusIs(StatusCode::kDataLoss, "'t.csv', line 5: 3 columns, expected 2"));
  EXPECT_THAT(Parse("a,b\r\n1\r\n", {}),
              StatusIs(StatusCode::kDataLoss, "'t.csv', line 2: 1 columns, expected 2"));
  EXPECT_THAT(Parse("a,b\n1,\"2\n3,4\n", {}),
              StatusIs(StatusCode::kDataLoss, "line 2, column 2: the quote is not closed"));
  EXPECT_THAT(Parse("a,b\n1,2\n\"3\"4,5\n", {}),
              StatusIs(StatusCode::kDataLoss, "line 3, column 1: text behind the closing quote"));
  EXPECT_THAT(
      Parse("a,n\n1,2\n3,four\n", {.types = {{"n", CsvType::kInt64}}}),
      StatusIs(StatusCode::kDataLoss, "line 3, column 2 ('n'): 'four' is no value of type int64"));
  EXPECT_THAT(Parse("a,a\n1,2\n", {}), StatusIs(StatusCode::kDataLoss, "two columns called 'a'"));
}

TEST(Csv, RejectsAFileWithoutLines) {
  EXPECT_THAT(Parse("", {}), StatusIs(StatusCode::kDataLoss, "no lines"));
  EXPECT_THAT(Parse("\n\r\n\n", {}), StatusIs(StatusCode::kDataLoss, "no lines"));
}

TEST(Csv, RejectsOptionsThatDoNotFitTheFile) {
  EXPECT_THAT(Parse("a,b\n", {.column_names = {"a"}}),
              StatusIs(StatusCode::kInvalidArgument, "2 columns, but 1 names"));
  EXPECT_THAT(Parse("a,b\n", {.types = {{"c", CsvType::kInt64}}}),
              StatusIs(StatusCode::kInvalidArgument, "no column 'c'"));
  EXPECT_THAT(Parse("a,b\n", {.delimiter = '"'}), StatusIs(StatusCode::kInvalidArgument, "quote"));
}

TEST(Csv, BoundsBytesAndColumns) {
  EXPECT_THAT(Parse("a,b\n1,2\n", {.max_bytes = 7}),
              StatusIs(StatusCode::kResourceExhausted, "8 bytes, more than 7"));
  EXPECT_THAT(Parse("a,b,c\n", {.max_columns = 2}),
              StatusIs(StatusCode::kResourceExhausted, "more than 2 columns"));
}

TEST(Csv, ReadsAFile) {
  const DatasetDirectory directory;
  directory.Write("data.csv", "a,b\n1,x\n");

  EXPECT_THAT(Values<std::int64_t>(ReadCsv(directory.path() + "/data.csv", {}), "a"),
              ElementsAre(1));
  EXPECT_THAT(ReadCsv(directory.path() + "/other.csv", {}),
              StatusIs(StatusCode::kNotFound, "/other.csv"));
  EXPECT_THAT(ReadCsv(directory.path(), {}), StatusIs(StatusCode::kUnavailable, "regular file"));
  EXPECT_THAT(ReadCsv(directory.path() + "/data.csv", {.max_bytes = 3}),
              StatusIs(StatusCode::kResourceExhausted, "more than 3"));
}

}  // namespace
}  // namespace flwrcpp::datasets
