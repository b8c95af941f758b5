// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// What NumPy 2.4.6 draws is in tests/golden/partitioners.json.

#include "datasets/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "tests/support/golden.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::Json;
using ::testing::ElementsAreArray;

/// NumPy's tables of the ziggurat are off their true values by some 1e-14, ours by as much, and the
/// power 1 / 0.05 of the gamma distribution multiplies that.
void ExpectNear(double actual, double expected) {
  EXPECT_NEAR(actual, expected, std::abs(expected) * 1e-12);
}

void ExpectSome(const Json& golden, const std::vector<double>& drawn) {
  for (const Json& pair : golden) {
    SCOPED_TRACE(pair[0]);
    ExpectNear(drawn[pair[0].get<std::size_t>()], pair[1].get<double>());
  }
}

/// Draws in the order of make_partitioners.py.
void ExpectDraws(const Json& golden) {
  Random random(golden["seed"].get<std::uint64_t>());
  for (const Json& pair : golden["integers"]) {
    EXPECT_EQ(random.Below(pair[0].get<std::uint64_t>()), pair[1]) << pair[0];
  }
  for (const Json& value : golden["random"]) EXPECT_EQ(random.Uniform(), value);
  std::vector<std::size_t> values(13);
  std::iota(values.begin(), values.end(), std::size_t{0});
  random.Shuffle(std::span(values));
  EXPECT_THAT(values, ElementsAreArray(golden["permutation"]));
  EXPECT_EQ(random.Below(10), golden["odd half"]);
  values.resize(20);
  std::iota(values.begin(), values.end(), std::size_t{0});
  random.Shuffle(std::span(values));
  EXPECT_THAT(values, ElementsAreArray(golden["shuffled"]));
  for (const Json& sample : golden["samples"]) {
    EXPECT_THAT(random.Sample(sample[0], sample[1]), ElementsAreArray(sample[2]));
  }
  for (const Json& chosen : golden["choice"]) {
    EXPECT_EQ(random.Choice(std::vector<double>{0.1, 0, 0.6, 0.3}), chosen);
  }
  std::vector<double> drawn(5000);
  for (double& x : drawn) x = random.Normal();
  ExpectSome(golden["normal"], drawn);
  for (double& x : drawn) x = random.Exponential();
  ExpectSome(golden["exponential"], drawn);
  for (const Json& gamma : golden["gamma"]) {
    SCOPED_TRACE(gamma[0]);
    for (const Json& value : gamma[1]) ExpectNear(random.Gamma(gamma[0]), value);
  }
  for (const Json& dirichlet : golden["dirichlet"]) {
    SCOPED_TRACE(dirichlet[0]);
    const auto proportions = random.Dirichlet(dirichlet[0].get<std::vector<double>>());
    ASSERT_EQ(proportions.size(), dirichlet[1].size());
    for (std::size_t i = 0; i < proportions.size(); ++i) {
      ExpectNear(proportions[i], dirichlet[1][i]);
    }
  }
}

TEST(Random, DrawsWhatNumPyDraws) {
  const Json golden = flwrcpp::testing::ReadGoldenJson("partitioners.json");
  ASSERT_EQ(golden["draws"].size(), 3);
  for (const Json& draws : golden["draws"]) {
    SCOPED_TRACE(draws["seed"]);
    ExpectDraws(draws);
  }
}

TEST(Random, GoldenDrawsReachTheTailsOfTheZiggurats) {
  const Json golden = flwrcpp::testing::ReadGoldenJson("partitioners.json");
  int normal = 0;
  int exponential = 0;
  for (const Json& draws : golden["draws"]) {
    for (const Json& pair : draws["normal"]) normal += std::abs(pair[1].get<double>()) > 3.66;
    for (const Json& pair : draws["exponential"]) exponential += pair[1].get<double>() > 7.7;
  }
  EXPECT_GE(normal, 2);
  EXPECT_GE(exponential, 2);
}

TEST(Random, WithoutASeedDiffersEachTime) {
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 3; ++i) numbers.insert(Random(std::nullopt).Below(1ULL << 62));
  EXPECT_EQ(numbers.size(), 3U);
}

}  // namespace
}  // namespace flwrcpp::internal
