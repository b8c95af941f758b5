// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// tests/golden/strategies.json holds what the strategies of stock Flower 1.42.0 with NumPy 2.4.6
// make of the same replies, round after round; make_strategies.py beside it writes the file.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "arrays/float16.h"
#include "flwrcpp/strategy/make_strategy.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"
#include "tests/support/strategy_cases.h"

namespace flwrcpp {
namespace {

using testing::IsOk;
using testing::RoundOutcome;
using testing::StrategyCase;

const std::vector<StrategyCase>& AllCases() {
  static const std::vector<StrategyCase> cases =
      testing::ReadStrategyCases(testing::ReadGoldenJson("strategies.json"));
  return cases;
}

/// All components in C order as double.
std::vector<double> Values(const Array& array) {
  const NpyHeader header = array.Header().value();
  std::vector<std::byte> bytes(static_cast<std::size_t>(header.element_count()) * header.item_size);
  EXPECT_THAT(array.CopyElements(bytes), IsOk());
  std::vector<double> values;
  const auto read = [&]<typename T>(T) {
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(T)) {
      T value;
      std::memcpy(&value, &bytes[i], sizeof(T));
      if constexpr (std::is_same_v<T, internal::Float16>) {
        values.push_back(internal::ToFloat(value));
      } else {
        values.push_back(static_cast<double>(value));
      }
    }
  };
  const std::string type = header.descr.substr(1);
  if (type == "f2") read(internal::Float16());
  if (type == "f4" || type == "c8") read(float());
  if (type == "f8" || type == "c16") read(double());
  EXPECT_EQ(values.empty(), bytes.empty()) << "type " << header.descr;
  return values;
}

/// How far two computations of the same may be apart, relative to the largest element. float64
/// allows for sums in another order. In float16 and float32 NumPy rounds each product, sum and
/// quotient, we round once a reply and once a round, and dividing by a small √v + τ magnifies that.
double Tolerance(const std::string& descr) {
  const std::string type = descr.substr(1);
  if (type == "f2") return 1e-2;
  if (type == "f4" || type == "c8") return 3e-6;
  return 1e-11;
}

void ExpectSameValues(const Array& actual, const Array& expected) {
  const NpyHeader header = actual.Header().value();
  EXPECT_EQ(header.shape, expected.Header()->shape);
  const std::vector<double> actual_values = Values(actual);
  const std::vector<double> expected_values = Values(expected);
  ASSERT_EQ(actual_values.size(), expected_values.size());
  double largest = 0;
  for (const double value : expected_values) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < actual_values.size(); ++i) {
    EXPECT_NEAR(actual_values[i], expected_values[i], largest * Tolerance(header.descr)) << i;
  }
}

/// Models of XGBoost: text that may be written in another way.
void ExpectSameJson(const Array& actual, const Array& expected) {
  const auto read = [](const Array& array) {
    const std::vector<std::uint8_t> text = array.ToVector<std::uint8_t>().value();
    return nlohmann::json::parse(text.begin(), text.end());
  };
  EXPECT_EQ(read(actual), read(expected));
}

bool HasBoosters(const StrategyCase& of) { return of.strategy.starts_with("FedXgb"); }

/// The type that an array of a new model has: that of the replies, float64 for whole numbers.
std::string ExpectedDescr(const StrategyCase& of, const std::string& key) {
  if (HasBoosters(of)) return "|u1";
  const ArrayRecord& arrays = *of.replies.front().front().content().FindArrays("arrays");
  const std::string descr = arrays.Find(key)->Header()->descr;
  return descr[1] == 'f' || descr[1] == 'c' ? "<" + descr.substr(1) : "<f8";
}

void ExpectSameArrays(const StrategyCase& of, const ArrayRecord& actual,
                      const ArrayRecord& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [key, array] : expected) {
    SCOPED_TRACE(key);
    const Array* const found = actual.Find(key);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->Header()->descr, ExpectedDescr(of, key));
    EXPECT_EQ(found->dtype(), DtypeOfDescr(found->Header()->descr));
    if (HasBoosters(of)) {
      ExpectSameJson(*found, array);
    } else {
      ExpectSameValues(*found, array);
    }
  }
}

void ExpectSameMetrics(const std::optional<MetricRecord>& actual,
                       const std::optional<MetricRecord>& expected) {
  ASSERT_EQ(actual.has_value(), expected.has_value());
  if (!expected.has_value()) return;
  ASSERT_EQ(actual->size(), expected->size());
  for (const auto& [key, value] : *expected) {
    SCOPED_TRACE(key);
    ASSERT_TRUE(actual->contains(key));
    if (const auto* const list = std::get_if<std::vector<double>>(&value)) {
      EXPECT_THAT(std::get<std::vector<double>>(*actual->Find(key)),
                  ::testing::Pointwise(::testing::DoubleNear(1e-12), *list));
    } else {
      EXPECT_NEAR(actual->GetDouble(key).value(), expected->GetDouble(key).value(), 1e-11);
    }
  }
}

template <typename Value>
std::vector<std::string> Keys(const OrderedMap<Value>& record) {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : record) keys.push_back(key);
  return keys;
}

void ExpectSameOutcomes(const StrategyCase& of, const std::vector<RoundOutcome>& actual,
                        const std::vector<RoundOutcome>& expected, bool with_order_of_keys) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(fmt::format("{}, round {}", of.name, i + 1));
    EXPECT_EQ(actual[i].nodes, expected[i].nodes);
    EXPECT_EQ(actual[i].config, expected[i].config);
    ExpectSameMetrics(actual[i].evaluate_metrics, expected[i].evaluate_metrics);
    ExpectSameMetrics(actual[i].metrics, expected[i].metrics);
    ASSERT_EQ(actual[i].arrays.has_value(), expected[i].arrays.has_value());
    if (!expected[i].arrays.has_value()) continue;
    ExpectSameArrays(of, *actual[i].arrays, *expected[i].arrays);
    if (!with_order_of_keys) continue;
    EXPECT_EQ(Keys(*actual[i].arrays), Keys(*expected[i].arrays));
    EXPECT_EQ(Keys(*actual[i].metrics), Keys(*expected[i].metrics));
  }
}

/// Every strategy that Flower has too.
std::vector<std::string> SharedStrategies() {
  std::vector<std::string> names = StrategyNames();
  std::erase(names, "FedBuff");
  return names;
}

class StrategiesGoldenTest : public ::testing::TestWithParam<std::string> {
 protected:
  StrategiesGoldenTest() {
    for (const StrategyCase& one : AllCases()) {
      if (one.strategy == GetParam()) cases_.push_back(&one);
    }
  }

  void SetUp() override { ASSERT_FALSE(cases_.empty()) << "golden values are missing"; }

  std::vector<const StrategyCase*> cases_;
};

INSTANTIATE_TEST_SUITE_P(Of, StrategiesGoldenTest, ::testing::ValuesIn(SharedStrategies()),
                         [](const auto& test) { return test.param; });

TEST_P(StrategiesGoldenTest, AggregatesAsStockFlowerDoes) {
  for (const StrategyCase* const one : cases_) {
    const auto strategy = testing::MakeStrategyOf(*one);
    ASSERT_THAT(strategy, IsOk()) << one->name;

    const auto outcomes = Replay(*one, **strategy, {.arrays = one->initial_arrays});

    ASSERT_THAT(outcomes, IsOk()) << one->name;
    ExpectSameOutcomes(*one, *outcomes, one->rounds, /*with_order_of_keys=*/true);
  }
}

TEST_P(StrategiesGoldenTest, TheOrderOfArrivalMakesNoDifferenceBeyondRounding) {
  for (const StrategyCase* const one : cases_) {
    const auto strategy = testing::MakeStrategyOf(*one).value();

    const auto outcomes =
        Replay(*one, *strategy, {.arrays = one->initial_arrays, .last_reply_first = true});

    ASSERT_THAT(outcomes, IsOk()) << one->name;
    ExpectSameOutcomes(*one, *outcomes, one->rounds, /*with_order_of_keys=*/false);
  }
}

TEST_P(StrategiesGoldenTest, GoingOnFromTheStateOfAnyRoundGivesTheSameToTheLastBit) {
  for (const StrategyCase* const one : cases_) {
    const auto whole = testing::MakeStrategyOf(*one).value();
    const auto expected = Replay(*one, *whole, {.arrays = one->initial_arrays}).value();
    StrategyCase begun = *one;
    while (begun.replies.size() > 1) {
      begun.replies.pop_back();
      SCOPED_TRACE(fmt::format("{}, after round {}", one->name, begun.replies.size()));
      const auto first = testing::MakeStrategyOf(*one).value();
      const auto before = Replay(begun, *first, {.arrays = one->initial_arrays}).value();
      ArrayRecord arrays = one->initial_arrays;
      for (const RoundOutcome& outcome : before) arrays = outcome.arrays.value_or(arrays);
      const auto second = testing::MakeStrategyOf(*one).value();

      ASSERT_THAT(second->RestoreState(first->State()), IsOk());
      const auto after =
          Replay(*one, *second,
                 {.first_round = static_cast<int>(begun.replies.size()) + 1, .arrays = arrays});

      ASSERT_THAT(after, IsOk());
      ASSERT_EQ(before.size() + after->size(), expected.size());
      for (std::size_t i = 0; i < after->size(); ++i) {
        EXPECT_EQ((*after)[i].nodes, expected[before.size() + i].nodes);
        EXPECT_EQ((*after)[i].arrays, expected[before.size() + i].arrays);
      }
      EXPECT_EQ(second->State(), whole->State());
    }
  }
}

/// docs/strategies.md lists these.
TEST(StrategyTypesTest, TypesDifferFromStockFlowersForTheListedStrategiesOnly) {
  std::set<std::string> differing;
  for (const StrategyCase& one : AllCases()) {
    for (const RoundOutcome& outcome : one.rounds) {
      if (!outcome.arrays.has_value()) continue;
      for (const auto& [key, array] : *outcome.arrays) {
        if (array.Header()->descr != ExpectedDescr(one, key)) differing.insert(one.strategy);
      }
    }
  }
  EXPECT_THAT(differing, ::testing::ElementsAre("FedAdam", "QFedAvg"));
}

}  // namespace
}  // namespace flwrcpp
