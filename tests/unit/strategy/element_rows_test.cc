// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/element_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using ::testing::ElementsAre;

template <typename T>
class SortRowsTest : public ::testing::Test {};

using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SortRowsTest, Types);

TYPED_TEST(SortRowsTest, SortsEachPositionWhateverTheNumberOfRows) {
  std::mt19937 random(7);
  for (std::size_t number = 1; number <= 40; ++number) {
    SCOPED_TRACE(number);
    constexpr std::size_t kCount = 33;
    ElementRows<TypeParam> rows(number);
    std::vector<std::vector<TypeParam>> expected(kCount);
    for (std::size_t r = 0; r < number; ++r) {
      for (std::size_t i = 0; i < kCount; ++i) {
        // Few different values, so that some are equal.
        rows[r][i] = static_cast<TypeParam>(random() % 16) / 8;
        expected[i].push_back(rows[r][i]);
      }
    }

    SortRows(rows, kCount);

    for (std::size_t i = 0; i < kCount; ++i) {
      std::sort(expected[i].begin(), expected[i].end());
      for (std::size_t r = 0; r < number; ++r) ASSERT_EQ(rows[r][i], expected[i][r]);
    }
  }
}

TEST(SortRowsTest, LeavesWhatIsBehindTheCount) {
  ElementRows<float> rows(2);
  rows[0][0] = 2;
  rows[1][0] = -std::numeric_limits<float>::infinity();
  rows[0][1] = 4;
  rows[1][1] = 3;

  SortRows(rows, 1);

  EXPECT_EQ(rows[0][0], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(rows[1][0], 2);
  EXPECT_EQ(rows[0][1], 4);
  EXPECT_EQ(rows[1][1], 3);
}

TEST(CombineElementsTest, TakesEveryElementOfEveryArrayOnce) {
  const std::vector<std::size_t> counts = {0, 1, kBlockElements - 1, kBlockElements,
                                           3 * kBlockElements + 5};
  ArrayRecord a;
  ArrayRecord b;
  for (const std::size_t count : counts) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(count)};
    a.Set(std::to_string(count), Array::From(values, shape).value());
    for (float& value : values) value *= 1000;
    b.Set(std::to_string(count), Array::From(values, shape).value());
  }

  const auto sum = CombineElements(ArrayLayout::OfGlobalModel(a).value(), {a, b},
                                   [](auto& rows, std::size_t count, auto* out) {
                                     for (std::size_t i = 0; i < count; ++i) {
                                       out[i] = rows[0][i] + rows[1][i];
                                     }
                                   });

  ASSERT_THAT(sum, IsOk());
  for (const std::size_t count : counts) {
    SCOPED_TRACE(count);
    const auto values = sum->Find(std::to_string(count))->ToVector<float>().value();
    ASSERT_EQ(values.size(), count);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(values[i], static_cast<float>(i) * 1001);
  }
}

TEST(CombineElementsTest, ReadsAnyOrderAndTypeAndWritesThoseOfTheLayout) {
  ArrayRecord model;
  model.Set("w", Array::From<float>({0, 0, 0, 0}, {2, 2}).value());
  ArrayRecord doubles;
  doubles.Set("w", Array::From<double>({1, 2, 3, 4}, {2, 2}).value());

  const auto taken = CombineElements(
      ArrayLayout::OfGlobalModel(model).value(), {doubles},
      [](auto& rows, std::size_t count, auto* out) { std::copy(rows[0], rows[0] + count, out); });

  ASSERT_THAT(taken, IsOk());
  EXPECT_THAT(taken->Find("w")->shape(), ElementsAre(2, 2));
  EXPECT_THAT(taken->Find("w")->ToVector<float>().value(), ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace flwrcpp::internal
