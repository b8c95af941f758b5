// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// Statistics of seeded noise are the same in every run. Their bounds are 5.5 standard deviations of
// the statistic itself, so that a seed that was not looked for passes.

#include "privacy/gaussian_noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "tests/support/golden_arrays.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::DoublesOf;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;
using ::testing::Each;
using ::testing::Ne;

constexpr double kSigmas = 5.5;

std::vector<double> Draw(std::optional<std::uint64_t> seed, std::string_view stream,
                         std::size_t count) {
  GaussianNoise noise = GaussianNoise::Create(seed, stream).value();
  std::vector<double> values(count);
  EXPECT_THAT(noise.Fill(values), IsOk());
  return values;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// The mean of the products of elements that are `distance` apart.
double MeanProduct(const std::vector<double>& values, std::size_t distance) {
  double sum = 0;
  for (std::size_t i = distance; i < values.size(); ++i) sum += values[i] * values[i - distance];
  return sum / static_cast<double>(values.size() - distance);
}

TEST(GaussianNoise, HasTheMomentsOfTheStandardNormalDistribution) {
  constexpr std::size_t kCount = 1'000'000;
  const std::vector<double> values = Draw(1, "test", kCount);
  const double root = std::sqrt(static_cast<double>(kCount));

  std::vector<double> cubes;
  std::vector<double> fourths;
  for (const double value : values) {
    cubes.push_back(value * value * value);
    fourths.push_back(value * value * value * value);
  }
  EXPECT_NEAR(Mean(values), 0, kSigmas / root);
  EXPECT_NEAR(MeanProduct(values, 0), 1, kSigmas * std::sqrt(2) / root);
  EXPECT_NEAR(Mean(cubes), 0, kSigmas * std::sqrt(15) / root);
  EXPECT_NEAR(Mean(fourths), 3, kSigmas * std::sqrt(96) / root);
}

TEST(GaussianNoise, HasTheDistributionFunctionOfTheStandardNormalDistribution) {
  constexpr std::size_t kCount = 1'000'000;
  const std::vector<double> values = Draw(2, "test", kCount);

  for (const double limit : {-3.5, -3.0, -2.0, -1.0, -0.1, 0.0, 0.5, 1.5, 2.5, 3.5}) {
    const double expected = 0.5 * std::erfc(-limit / std::numbers::sqrt2);
    const double found = static_cast<double>(
        std::count_if(values.begin(), values.end(), [&](double value) { return value < limit; }));
    const double stddev = std::sqrt(expected * (1 - expected) * kCount);
    EXPECT_NEAR(found, expected * kCount, kSigmas * stddev) << limit;
  }
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 8.6);
  EXPECT_GT(*std::max_element(values.begin(), values.end()), 4);
  EXPECT_LT(*std::min_element(values.begin(), values.end()), -4);
}

TEST(GaussianNoise, DoesNotDependOnWhatCameBefore) {
  constexpr std::size_t kCount = 400'000;
  const std::vector<double> values = Draw(3, "test", kCount);

  // 512 is what one run of the cipher gives; neighbours come of the same pair of uniform numbers.
  for (const std::size_t distance : {1U, 2U, 3U, 511U, 512U, 513U, 1024U}) {
    EXPECT_NEAR(MeanProduct(values, distance), 0, kSigmas / std::sqrt(kCount - distance))
        << distance;
  }
}

TEST(GaussianNoise, IsTheSameForASeedAndAnotherForAnotherSeedOrStream) {
  EXPECT_EQ(Draw(7, "a", 101), Draw(7, "a", 101));
  const std::vector<double> values = Draw(7, "a", 100);
  for (const std::vector<double>& other : {Draw(8, "a", 100), Draw(7, "b", 100)}) {
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NE(values[i], other[i]);
  }
}

TEST(GaussianNoise, IsNeverTheSameWithoutASeed) {
  const std::vector<double> one = Draw(std::nullopt, "a", 100);
  const std::vector<double> two = Draw(std::nullopt, "a", 100);

  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NE(one[i], two[i]);
  EXPECT_NEAR(Mean(one), 0, 0.8);  // 8 standard deviations: it is another one in each run
}

TEST(GaussianNoise, GoesOnWhereItStopped) {
  GaussianNoise noise = GaussianNoise::Create(4, "test").value();
  std::vector<double> first(64);
  std::vector<double> second(64);
  ASSERT_THAT(noise.Fill(first), IsOk());
  ASSERT_THAT(noise.Fill(second), IsOk());

  const std::vector<double> both = Draw(4, "test", 128);
  first.insert(first.end(), second.begin(), second.end());
  EXPECT_EQ(first, both);
}

ArrayRecord Zeros(std::int64_t size) {
  ArrayRecord arrays;
  arrays.Set("a", Array::From(std::vector<float>(static_cast<std::size_t>(size)), {size}).value());
  arrays.Set("b", Array::From(std::vector<double>(static_cast<std::size_t>(size)), {size}).value());
  return arrays;
}

TEST(AddGaussianNoise, HasTheStandardDeviationThatWasAskedForInEachArray) {
  constexpr std::int64_t kCount = 200'000;
  GaussianNoise noise = GaussianNoise::Create(5, "test").value();
  ArrayRecord arrays = Zeros(kCount);

  ASSERT_THAT(AddGaussianNoise(arrays, 0.03, noise), IsOk());

  for (const auto& [key, array] : arrays) {
    std::vector<double> values = DoublesOf(array);
    for (double& value : values) value /= 0.03;
    EXPECT_NEAR(Mean(values), 0, kSigmas / std::sqrt(kCount)) << key;
    EXPECT_NEAR(MeanProduct(values, 0), 1, kSigmas * std::sqrt(2.0 / kCount)) << key;
  }
  EXPECT_EQ(arrays.Find("a")->dtype(), "float32");
  EXPECT_EQ(arrays.Find("b")->dtype(), "float64");
}

TEST(AddGaussianNoise, GivesEachArrayNoiseOfItsOwn) {
  constexpr std::int64_t kCount = 20'000;
  GaussianNoise noise = GaussianNoise::Create(6, "test").value();
  ArrayRecord arrays = Zeros(kCount);

  ASSERT_THAT(AddGaussianNoise(arrays, 1, noise), IsOk());

  const std::vector<double> a = DoublesOf(*arrays.Find("a"));
  const std::vector<double> b = DoublesOf(*arrays.Find("b"));
  EXPECT_THAT(b, Each(Ne(0)));
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  EXPECT_NEAR(sum / kCount, 0, kSigmas / std::sqrt(kCount));
}

TEST(AddGaussianNoise, AddsToWhatIsThere) {
  GaussianNoise noise = GaussianNoise::Create(6, "test").value();
  ArrayRecord arrays = {{"w", Array::From(std::vector<double>{1000, -1000}, {2}).value()},
                        {"count", Array::From(std::vector<std::int64_t>{70}, {}).value()}};
  const std::vector<double> drawn = Draw(6, "test", 2);

  ASSERT_THAT(AddGaussianNoise(arrays, 0.5, noise), IsOk());

  EXPECT_THAT(DoublesOf(*arrays.Find("w")),
              ::testing::ElementsAre(1000 + 0.5 * drawn[0], -1000 + 0.5 * drawn[1]));
  EXPECT_EQ(arrays.Find("count")->dtype(), "float64");
  EXPECT_EQ(arrays.Find("count")->shape(), std::vector<std::int64_t>());
  EXPECT_NE(DoublesOf(*arrays.Find("count"))[0], 70);
  EXPECT_NEAR(DoublesOf(*arrays.Find("count"))[0], 70, 0.5 * 8.6);
}

TEST(AddGaussianNoise, ChangesNothingWithoutNoise) {
  GaussianNoise noise = GaussianNoise::Create(6, "test").value();
  ArrayRecord arrays = Zeros(3);

  ASSERT_THAT(AddGaussianNoise(arrays, 0, noise), IsOk());

  EXPECT_EQ(arrays, Zeros(3));
}

TEST(AddGaussianNoise, RefusesWhatItCannotDo) {
  GaussianNoise noise = GaussianNoise::Create(6, "test").value();
  ArrayRecord arrays = Zeros(3);
  for (const double bad :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(AddGaussianNoise(arrays, bad, noise), StatusIs(StatusCode::kInvalidArgument));
  }
  arrays.Set("c", Array());
  EXPECT_THAT(AddGaussianNoise(arrays, 1, noise),
              StatusIs(StatusCode::kInvalidArgument, "array 'c'"));
}

}  // namespace
}  // namespace flwrcpp::internal
