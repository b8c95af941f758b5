// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "privacy/clipping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/golden_arrays.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::DoublesOf;
using ::flwrcpp::testing::ExpectArraysNear;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::Json;
using ::flwrcpp::testing::ReadGoldenArrays;
using ::flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T>
Array ArrayOf(std::vector<T> values) {
  const std::int64_t size = static_cast<std::int64_t>(values.size());
  return Array::From(values, {size}).value();
}

double NormOfUpdate(const ArrayRecord& global, const ArrayRecord& arrays) {
  double sum = 0;
  for (const auto& [key, array] : arrays) {
    const std::vector<double> after = DoublesOf(array);
    const std::vector<double> before = DoublesOf(*global.Find(key));
    for (std::size_t i = 0; i < after.size(); ++i) sum += std::pow(after[i] - before[i], 2);
  }
  return std::sqrt(sum);
}

TEST(ClipUpdate, ClipsAsStockFlowerDoes) {
  const Json golden = testing::ReadGoldenJson("privacy.json");
  ASSERT_GE(golden["clipping"].size(), 5);
  for (const Json& entry : golden["clipping"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const ArrayRecord global = ReadGoldenArrays(entry["global"]);
    for (const Json& reply : entry["replies"]) {
      ArrayRecord arrays = ReadGoldenArrays(reply["arrays"]);

      const StatusOr<bool> clipped =
          ClipUpdate(global, arrays, entry["clipping_norm"].get<double>());

      ASSERT_THAT(clipped, IsOk());
      EXPECT_EQ(*clipped, reply["norm_bit"].get<int>() == 1);
      // NumPy rounds difference, norm, product and sum to float32; the values are below 8.
      ExpectArraysNear(arrays, ReadGoldenArrays(reply["clipped"]), 2e-6);
    }
  }
}

TEST(ClipUpdate, MakesALongUpdateAsLongAsTheNormAcrossAllArrays) {
  const ArrayRecord global = {{"a", ArrayOf<double>({1, 1})}, {"b", ArrayOf<double>({-2})}};
  ArrayRecord arrays = {{"a", ArrayOf<double>({4, 5})}, {"b", ArrayOf<double>({10})}};  // 3, 4, 12

  ASSERT_THAT(ClipUpdate(global, arrays, 6.5), IsOk());

  EXPECT_THAT(DoublesOf(*arrays.Find("a")), ElementsAre(2.5, 3));
  EXPECT_THAT(DoublesOf(*arrays.Find("b")), ElementsAre(4));
  EXPECT_DOUBLE_EQ(NormOfUpdate(global, arrays), 6.5);
}

TEST(ClipUpdate, LeavesAnUpdateOfExactlyTheNormAsItIs) {
  const ArrayRecord global = {{"w", ArrayOf<float>({0.1F, 0.2F})}};
  ArrayRecord arrays = {{"w", ArrayOf<float>({3.1F, 4.2F})}};
  const ArrayRecord before = arrays;

  EXPECT_FALSE(ClipUpdate(global, arrays, 5.0001).value());
  EXPECT_EQ(arrays, before);

  ArrayRecord exact = {{"w", ArrayOf<double>({3, 4})}};
  EXPECT_FALSE(ClipUpdate({{"w", ArrayOf<double>({0, 0})}}, exact, 5).value());
  EXPECT_TRUE(ClipUpdate({{"w", ArrayOf<double>({0, 0})}}, exact, 4.999).value());
}

TEST(ClipUpdate, TakesAnUpdateThatIsNone) {
  const ArrayRecord global = {{"w", ArrayOf<float>({1, 2})}};
  ArrayRecord arrays = global;

  EXPECT_FALSE(ClipUpdate(global, arrays, 0.1).value());
  EXPECT_EQ(arrays, global);
  ArrayRecord nothing;
  EXPECT_FALSE(ClipUpdate({}, nothing, 0.1).value());
}

TEST(ClipUpdate, ClipsScalarsAndIntegersToo) {
  const ArrayRecord global = {{"scalar", Array::From(std::vector<float>{1}, {}).value()},
                              {"count", ArrayOf<std::int64_t>({10})}};
  ArrayRecord arrays = {{"scalar", Array::From(std::vector<float>{4}, {}).value()},
                        {"count", ArrayOf<std::int64_t>({14})}};

  EXPECT_TRUE(ClipUpdate(global, arrays, 2.5).value());

  EXPECT_THAT(DoublesOf(*arrays.Find("scalar")), ElementsAre(2.5));
  EXPECT_EQ(arrays.Find("count")->dtype(), "float64");
  EXPECT_THAT(DoublesOf(*arrays.Find("count")), ElementsAre(12));
}

TEST(ClipUpdate, PairsArraysByTheirKeys) {
  const ArrayRecord global = {{"a", ArrayOf<double>({0})}, {"b", ArrayOf<double>({100})}};
  ArrayRecord arrays = {{"b", ArrayOf<double>({104})}, {"a", ArrayOf<double>({3})}};

  EXPECT_TRUE(ClipUpdate(global, arrays, 2.5).value());

  EXPECT_THAT(DoublesOf(*arrays.Find("a")), ElementsAre(1.5));
  EXPECT_THAT(DoublesOf(*arrays.Find("b")), ElementsAre(102));
}

TEST(ClipUpdate, ClipsManyElementsInTheirOrder) {
  std::vector<double> values(5000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 7);
  const ArrayRecord global = {{"w", ArrayOf<double>(std::vector<double>(5000, 0.0))}};
  ArrayRecord arrays = {{"w", ArrayOf<double>(values)}};
  const double norm = NormOfUpdate(global, arrays);

  ASSERT_TRUE(ClipUpdate(global, arrays, norm / 2).value());

  for (double& value : values) value /= 2;
  EXPECT_THAT(DoublesOf(*arrays.Find("w")),
              ::testing::Pointwise(::testing::DoubleNear(1e-12), values));
}

TEST(ClipUpdate, RefusesUpdatesThatAreNotFinite) {
  const ArrayRecord global = {{"ok", ArrayOf<double>({0})}, {"w", ArrayOf<double>({1, 2})}};
  for (const double bad : {kNan, kInfinity, -kInfinity, 1e200}) {
    ArrayRecord arrays = {{"ok", ArrayOf<double>({5})}, {"w", ArrayOf<double>({bad, 2})}};
    const ArrayRecord before = arrays;

    EXPECT_THAT(ClipUpdate(global, arrays, 1),
                StatusIs(StatusCode::kInvalidArgument, "array 'w': the norm of the update is"));
    EXPECT_EQ(arrays.Find("ok")->Contiguous(), before.Find("ok")->Contiguous());
  }
}

TEST(ClipUpdate, NamesTheArrayThatDoesNotFit) {
  const ArrayRecord global = {{"w", ArrayOf<float>({1, 2})}};
  const auto refused = [&](ArrayRecord arrays) {
    const ArrayRecord before = arrays;
    const Status status = ClipUpdate(global, arrays, 1).status();
    EXPECT_EQ(arrays, before);
    return status;
  };

  EXPECT_THAT(refused({}), StatusIs(StatusCode::kInvalidArgument, "misses key 'w'"));
  EXPECT_THAT(refused({{"w", ArrayOf<float>({1, 2})}, {"x", ArrayOf<float>({1})}}),
              StatusIs(StatusCode::kInvalidArgument, "key 'x'"));
  EXPECT_THAT(refused({{"w", ArrayOf<float>({1})}}),
              StatusIs(StatusCode::kInvalidArgument, "array 'w' has shape (1,)"));
  EXPECT_THAT(refused({{"w", Array()}}), StatusIs(StatusCode::kInvalidArgument, "array 'w'"));
  const Array complex = Array::Build("complex64", {2}, [](std::span<std::byte> bytes) {
                          std::fill(bytes.begin(), bytes.end(), std::byte{0});
                        }).value();
  EXPECT_THAT(refused({{"w", complex}}),
              StatusIs(StatusCode::kInvalidArgument, "array 'w': has dtype complex64"));
}

TEST(CheckFinite, FindsNanAndInfinityAnywhere) {
  std::vector<float> values(3000, 1e38F);
  EXPECT_THAT(CheckFinite({{"w", ArrayOf<float>(values)}, {"n", ArrayOf<std::int64_t>({1})}}),
              IsOk());
  for (const double bad : {kNan, kInfinity, -kInfinity}) {
    for (const std::size_t position : {0U, 1500U, 2999U}) {
      std::vector<float> damaged = values;
      damaged[position] = static_cast<float>(bad);
      EXPECT_THAT(CheckFinite({{"v", ArrayOf<float>(values)}, {"w", ArrayOf<float>(damaged)}}),
                  StatusIs(StatusCode::kInvalidArgument, "array 'w' holds NaN or infinity"));
    }
  }
  EXPECT_THAT(CheckFinite({{"w", Array()}}), StatusIs(StatusCode::kInvalidArgument, "array 'w'"));
}

}  // namespace
}  // namespace flwrcpp::internal
