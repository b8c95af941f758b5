// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flwrcpp/datasets/data_source.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

Table MakeTable() {
  StatusOr<Table> table =
      Table::Make({{"id", std::vector<std::int64_t>{10, 11, 12}},
                   {"x", std::vector<double>{0.5, 1.5, 2.5}},
                   {"name", std::vector<std::string>{"a", "b", "c"}},
                   {"image", ArrayColumn{{2}, std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}}}});
  EXPECT_THAT(table, IsOk());
  return *std::move(table);
}

TEST(Table, GivesColumnsWithTheirTypes) {
  const Table table = MakeTable();

  EXPECT_EQ(table.num_rows(), 3U);
  EXPECT_THAT(table.column_names(), ElementsAre("id", "x", "name", "image"));
  EXPECT_THAT(*table.Get<std::int64_t>("id"), ElementsAre(10, 11, 12));
  EXPECT_THAT(*table.Get<std::string>("name"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(table.Get<double>("name"),
              StatusIs(StatusCode::kInvalidArgument, "'name' holds values of type string"));
  EXPECT_THAT(table.Get<double>("y"),
              StatusIs(StatusCode::kNotFound, "'y'; the columns are: id, x, name, image"));
}

TEST(Table, SelectsRowsOfEveryColumnInTheOrderAskedFor) {
  const StatusOr<Table> rows = MakeTable().Select(std::vector<std::size_t>{2, 0, 2});

  ASSERT_THAT(rows, IsOk());
  EXPECT_EQ(rows->num_rows(), 3U);
  EXPECT_THAT(*rows->Get<std::int64_t>("id"), ElementsAre(12, 10, 12));
  EXPECT_THAT(*rows->Get<double>("x"), ElementsAre(2.5, 0.5, 2.5));
  EXPECT_THAT(*rows->Get<std::string>("name"), ElementsAre("c", "a", "c"));
  EXPECT_EQ(**rows->Find("image"),
            Column(ArrayColumn{{2}, std::vector<std::uint8_t>{5, 6, 1, 2, 5, 6}}));
  EXPECT_THAT(MakeTable().Select(std::vector<std::size_t>{3}),
              StatusIs(StatusCode::kOutOfRange, "no row 3"));
}

TEST(Table, SelectsColumns) {
  const StatusOr<Table> columns = MakeTable().SelectColumns(std::vector<std::string>{"x", "id"});

  ASSERT_THAT(columns, IsOk());
  EXPECT_THAT(columns->column_names(), ElementsAre("x", "id"));
  EXPECT_THAT(MakeTable().SelectColumns(std::vector<std::string>{"z"}),
              StatusIs(StatusCode::kNotFound, "'z'"));
}

TEST(Table, JoinsTablesOfTheSameColumns) {
  const StatusOr<Table> joined = Table::Concatenate({MakeTable(), MakeTable()});

  ASSERT_THAT(joined, IsOk());
  EXPECT_EQ(joined, MakeTable().Select(std::vector<std::size_t>{0, 1, 2, 0, 1, 2}));
}

TEST(Table, DoesNotJoinTablesOfOtherColumns) {
  const auto table = [](const char* name, Column column) {
    return *Table::Make({{name, std::move(column)}});
  };
  const Table integers = table("a", std::vector<std::int64_t>{1});
  const Table pairs = table("a", ArrayColumn{{2}, std::vector<float>{1, 2}});

  for (const Table& other : {table("b", std::vector<std::int64_t>{1}),
                             table("a", std::vector<double>{1}), pairs, Table()}) {
    EXPECT_THAT(Table::Concatenate({integers, other}), StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(
      Table::Concatenate({pairs, table("a", ArrayColumn{{1, 2}, std::vector<float>{1, 2}})}),
      StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Table::Concatenate({pairs, table("a", ArrayColumn{{2}, std::vector<double>{1, 2}})}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(Table, RejectsColumnsThatDoNotFit) {
  EXPECT_THAT(Table::Make({{"a", std::vector<double>{1, 2}}, {"b", std::vector<double>{1}}}),
              StatusIs(StatusCode::kInvalidArgument, "'b' has 1 rows, but column 'a' has 2"));
  EXPECT_THAT(Table::Make({{"a", std::vector<double>{1}}, {"a", std::vector<double>{1}}}),
              StatusIs(StatusCode::kInvalidArgument, "two columns called 'a'"));
  for (const auto& shape : {std::vector<std::size_t>{2}, {}, {0}, {3, 0}}) {
    EXPECT_THAT(Table::Make({{"a", ArrayColumn{shape, std::vector<float>(3)}}}),
                StatusIs(StatusCode::kInvalidArgument, "no whole number of rows"));
  }
}

TEST(TableSource, HandsOutColumnsAndRowsOfItsSplits) {
  const auto source = MakeTableSource({{"train", MakeTable()}, {"test", Table()}});

  EXPECT_THAT(source->splits(), ElementsAre("test", "train"));
  EXPECT_EQ(*source->NumRows("train"), 3U);
  EXPECT_EQ(*source->LoadColumn("train", "x"), Column(std::vector<double>{0.5, 1.5, 2.5}));
  EXPECT_EQ(source->LoadRows("train", std::vector<std::size_t>{1}),
            MakeTable().Select(std::vector<std::size_t>{1}));
  EXPECT_THAT(source->LoadColumn("train", "y"), StatusIs(StatusCode::kNotFound, "'y'"));
  EXPECT_THAT(source->NumRows("valid"),
              StatusIs(StatusCode::kInvalidArgument, "'valid'; the splits are: test, train"));
}

}  // namespace
}  // namespace flwrcpp::datasets
