// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/preprocessor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

/// Splits of 10 and 4 rows.
Splits MakeSplits() {
  Splits splits;
  for (std::size_t row = 0; row < 10; ++row) splits["train"].push_back({0, row});
  for (std::size_t row = 0; row < 4; ++row) splits["test"].push_back({1, row});
  return splits;
}

StatusOr<Splits> Divide(const DividerOptions& options) {
  const StatusOr<Preprocessor> divider = MakeDivider(options);
  if (!divider.ok()) return divider.status();
  return (*divider)(MakeSplits());
}

TEST(Divider, CutsASplitFromItsFrontAndKeepsTheOthers) {
  const auto splits =
      Divide({.divide_config = {
                  {"train", {{.name = "b", .fraction = 0.25}, {.name = "a", .fraction = 0.5}}}}});

  ASSERT_THAT(splits, IsOk());
  EXPECT_THAT(*splits,
              ElementsAre(Pair("a", SizeIs(5)), Pair("b", SizeIs(2)), Pair("test", SizeIs(4))));
  EXPECT_THAT(splits->at("b"), ElementsAre(SourceRow{0, 0}, SourceRow{0, 1}));
  EXPECT_EQ(splits->at("a").front(), (SourceRow{0, 2}));
}

TEST(Divider, TakesNumbersOfRowsAndMayReuseTheNameOfTheSplitItDivides) {
  const auto splits =
      Divide({.divide_config = {
                  {"train", {{.name = "train", .samples = 7}, {.name = "valid", .samples = 3}}},
                  {"test", {{.name = "test", .samples = 1}}}}});

  ASSERT_THAT(splits, IsOk());
  EXPECT_THAT(*splits, ElementsAre(Pair("test", ElementsAre(SourceRow{1, 0})),
                                   Pair("train", SizeIs(7)), Pair("valid", SizeIs(3))));
}

TEST(Divider, DropsRemainingSplitsWhenAsked) {
  const auto splits = Divide({.divide_config = {{"train", {{.name = "test", .samples = 1}}}},
                              .drop_remaining_splits = true});

  ASSERT_THAT(splits, IsOk());
  EXPECT_THAT(*splits, ElementsAre(Pair("test", ElementsAre(SourceRow{0, 0}))));
}

TEST(Divider, RejectsWhatDoesNotFitTheSplits) {
  EXPECT_THAT(Divide({.divide_config = {{"train", {{.name = "test", .samples = 1}}}}}),
              StatusIs(StatusCode::kInvalidArgument, "'test' has the name of one that remains"));
  EXPECT_THAT(Divide({.divide_config = {{"valid", {{.name = "a", .samples = 1}}}}}),
              StatusIs(StatusCode::kInvalidArgument, "no split 'valid'"));
  EXPECT_THAT(
      Divide({.divide_config = {{"train",
                                 {{.name = "a", .samples = 6}, {.name = "b", .samples = 5}}}}}),
      StatusIs(StatusCode::kInvalidArgument, "too few for 5 in 'b' after 6"));
  EXPECT_THAT(Divide({.divide_config = {{"test", {{.name = "a", .fraction = 0.2}}}}}),
              StatusIs(StatusCode::kInvalidArgument, "'a' would be empty"));
}

TEST(Divider, RejectsConfigurationsThatContradictThemselves) {
  const auto rejected = [](std::vector<Division> divisions, const char* text) {
    EXPECT_THAT(MakeDivider({.divide_config = {{"train", std::move(divisions)}}}),
                StatusIs(StatusCode::kInvalidArgument, text));
  };
  rejected({{.name = "a", .fraction = 1.5}}, "is 1.5, expected above 0 and at most 1");
  rejected({{.name = "a", .fraction = -0.5}}, "is -0.5");
  rejected({{.name = "a", .fraction = std::nan("")}}, "is nan");
  rejected({{.name = "a", .fraction = 0.7}, {.name = "b", .fraction = 0.7}}, "sum to 1.4");
  rejected({{.name = "a"}}, "expected one of them");
  rejected({{.name = "a", .fraction = 0.5, .samples = 3}}, "expected one of them");
  rejected({{.name = "a", .fraction = 0.5}, {.name = "b", .samples = 3}},
           "has fractions and numbers of samples");
  rejected({{.name = "a", .samples = 1}, {.name = "a", .samples = 3}}, "called 'a'");
}

TEST(Merger, JoinsSplitsInTheirOrderAndLeavesOutOthers) {
  const auto merger = MakeMerger({{"all", {"test", "train"}}, {"again", {"test"}}});
  ASSERT_THAT(merger, IsOk());

  const auto splits = (*merger)(MakeSplits());

  ASSERT_THAT(splits, IsOk());
  EXPECT_THAT(*splits, ElementsAre(Pair("again", SizeIs(4)), Pair("all", SizeIs(14))));
  EXPECT_EQ(splits->at("all")[3], (SourceRow{1, 3}));
  EXPECT_EQ(splits->at("all")[4], (SourceRow{0, 0}));
}

TEST(Merger, RejectsUnknownSplitsAndSplitsOfNothing) {
  const auto merger = MakeMerger({{"all", {"train", "valid"}}});
  ASSERT_THAT(merger, IsOk());
  EXPECT_THAT((*merger)(MakeSplits()),
              StatusIs(StatusCode::kInvalidArgument, "no split 'valid'; the splits are: test"));
  EXPECT_THAT(MakeMerger({{"all", {}}}), StatusIs(StatusCode::kInvalidArgument, "of no split"));
}

TEST(DivideDataset, CutsATableIntoTrainingValidationAndTest) {
  std::vector<std::int64_t> ids(11);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i);
  const auto table = Table::Make({{"id", ids}});
  ASSERT_THAT(table, IsOk());

  const auto pieces = DivideDataset(*table, {0.5, 0.2, 0.3});

  ASSERT_THAT(pieces, IsOk());
  ASSERT_THAT(*pieces, SizeIs(3));
  EXPECT_THAT(*(*pieces)[0].Get<std::int64_t>("id"), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(*(*pieces)[1].Get<std::int64_t>("id"), ElementsAre(5, 6));
  EXPECT_THAT(*(*pieces)[2].Get<std::int64_t>("id"), ElementsAre(7, 8, 9));
  EXPECT_THAT(DivideDataset(*table, {0.5, 0.6}), StatusIs(StatusCode::kInvalidArgument, "1.1"));
  EXPECT_THAT(DivideDataset(*table, {0.0}), StatusIs(StatusCode::kInvalidArgument, "is 0"));
}

}  // namespace
}  // namespace flwrcpp::datasets
