// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "flwrcpp/privacy_accounting.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::IsOk;
using testing::Json;
using testing::StatusIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

PrivacyConfig Config(std::optional<double> max_epsilon = std::nullopt) {
  PrivacyConfig config;
  config.target_delta = 1e-5;
  config.population_size = 1000;
  config.max_epsilon = max_epsilon;
  return config;
}

GaussianPrivacyEvent Event(double noise_multiplier) { return {noise_multiplier, 10, 1000}; }

/// Both are sums of the same few terms in double, in another order.
void ExpectSame(double actual, const Json& expected) {
  if (expected.is_null()) {
    EXPECT_EQ(actual, kInfinity);
  } else {
    const double value = expected.get<double>();
    EXPECT_NEAR(actual, value, 1e-9 * std::abs(value));
  }
}

TEST(RdpAccountant, GivesTheNumbersOfDpAccounting) {
  const Json golden = testing::ReadGoldenJson("privacy.json");
  ASSERT_GE(golden["accountant"].size(), 40);
  for (const Json& entry : golden["accountant"]) {
    SCOPED_TRACE(entry["releases"].dump());
    const auto accountant =
        entry["orders"].is_null()
            ? RdpAccountant::Create(Config()).value()
            : RdpAccountant::Create(Config(), entry["orders"].get<std::vector<double>>()).value();
    for (const Json& release : entry["releases"]) {
      ASSERT_THAT(
          accountant->Compose(Event(release[0].get<double>()), release[1].get<std::int64_t>()),
          IsOk());
    }

    for (const auto& [delta, epsilon] : entry["epsilons"].items()) {
      SCOPED_TRACE("delta " + delta);
      ExpectSame(accountant->GetEpsilon(std::stod(delta)).value(), epsilon);
    }
    for (const auto& [epsilon, delta] : entry["deltas"].items()) {
      SCOPED_TRACE("epsilon " + epsilon);
      ExpectSame(accountant->GetDelta(std::stod(epsilon)).value(), delta);
    }
    const PrivacySpent spent = accountant->GetPrivacySpent();
    ExpectSame(spent.epsilon, entry["spent"]["epsilon"]);
    EXPECT_EQ(spent.delta, 1e-5);
    EXPECT_EQ(spent.num_releases, entry["spent"]["num_releases"].get<std::int64_t>());
    EXPECT_EQ(spent.optimal_order, entry["spent"]["optimal_order"].get<double>());
    EXPECT_EQ(spent.accounting_method, "rdp");
  }
}

TEST(RdpAccountant, TellsWhetherOneMoreReleaseIsAboveTheBudget) {
  const auto free = RdpAccountant::Create(Config()).value();
  ASSERT_THAT(free->Compose(Event(1), 3), IsOk());
  const double after_three = free->GetPrivacySpent().epsilon;
  // At the budget itself nothing is exceeded.
  const auto accountant = RdpAccountant::Create(Config(after_three)).value();

  EXPECT_FALSE(accountant->WouldExceed(Event(1)).value());
  ASSERT_THAT(accountant->Compose(Event(1), 2), IsOk());
  EXPECT_FALSE(accountant->WouldExceed(Event(1)).value());
  EXPECT_TRUE(accountant->WouldExceed(Event(0.9)).value());
  EXPECT_EQ(accountant->num_releases(), 2);
  ASSERT_THAT(accountant->Compose(Event(1), 1), IsOk());
  EXPECT_TRUE(accountant->WouldExceed(Event(1)).value());
  EXPECT_THAT(free->WouldExceed(Event(1)), StatusIs(StatusCode::kInvalidArgument, "max_epsilon"));
}

TEST(RdpAccountant, RefusesNumbersOutOfRange) {
  const auto refused = [](auto change) {
    PrivacyConfig config = Config();
    change(config);
    return RdpAccountant::Create(config).status();
  };
  for (const double delta : {0.0, 1.0, -1.0, kNan}) {
    EXPECT_THAT(refused([&](PrivacyConfig& config) { config.target_delta = delta; }),
                StatusIs(StatusCode::kInvalidArgument, "target_delta"));
  }
  EXPECT_THAT(refused([](PrivacyConfig& config) { config.population_size = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "population_size"));
  for (const double epsilon : {0.0, -1.0, kInfinity, kNan}) {
    EXPECT_THAT(refused([&](PrivacyConfig& config) { config.max_epsilon = epsilon; }),
                StatusIs(StatusCode::kInvalidArgument, "max_epsilon"));
  }
  for (const std::vector<double>& orders :
       {std::vector<double>(), {1.0}, {2.0, kInfinity}, {2.0, kNan}}) {
    EXPECT_THAT(RdpAccountant::Create(Config(), orders),
                StatusIs(StatusCode::kInvalidArgument, "order"));
  }
  const auto accountant = RdpAccountant::Create(Config()).value();
  for (const double multiplier : {0.0, -1.0, kInfinity, kNan}) {
    EXPECT_THAT(accountant->Compose(Event(multiplier), 1),
                StatusIs(StatusCode::kInvalidArgument, "noise_multiplier"));
  }
  EXPECT_THAT(accountant->Compose({1, 10, 999}, 1),
              StatusIs(StatusCode::kInvalidArgument, "population_size is 999"));
  for (const std::int64_t size : {0, 1001}) {
    EXPECT_THAT(accountant->Compose({1, size, 1000}, 1),
                StatusIs(StatusCode::kInvalidArgument, "sample_size"));
  }
  EXPECT_THAT(accountant->Compose(Event(1), 0), StatusIs(StatusCode::kInvalidArgument, "count"));
  ASSERT_THAT(accountant->Compose(Event(1), std::numeric_limits<std::int64_t>::max()), IsOk());
  EXPECT_THAT(accountant->Compose(Event(1), 1), StatusIs(StatusCode::kInvalidArgument, "count"));
  EXPECT_THAT(accountant->GetEpsilon(0), StatusIs(StatusCode::kInvalidArgument, "delta"));
  EXPECT_THAT(accountant->GetDelta(-1), StatusIs(StatusCode::kInvalidArgument, "epsilon"));
  EXPECT_THAT(accountant->GetDelta(kInfinity), StatusIs(StatusCode::kInvalidArgument, "epsilon"));
}

TEST(RdpAccountant, SaysWhichSamplingItDoesNotKnow) {
  PrivacyConfig poisson = Config();
  poisson.sampling_method = SamplingMethod::kPoisson;
  PrivacyConfig replace = Config();
  replace.sampling_method = SamplingMethod::kWithoutReplacement;
  replace.neighboring_relation = NeighboringRelation::kReplaceOne;

  EXPECT_THAT(RdpAccountant::Create(poisson), StatusIs(StatusCode::kUnimplemented, "'poisson'"));
  EXPECT_THAT(RdpAccountant::Create(replace),
              StatusIs(StatusCode::kUnimplemented, "'replace-one'"));
}

TEST(RdpAccountant, GoesOnFromItsState) {
  const std::vector<double> orders = {1.5, 3, 20};
  const auto before = RdpAccountant::Create(Config(9), orders).value();
  ASSERT_THAT(before->Compose(Event(2), 3), IsOk());
  ASSERT_THAT(before->Compose(Event(1.5), 1), IsOk());
  const auto after = RdpAccountant::Create(Config(9)).value();
  ASSERT_THAT(after->Compose(Event(7), 5), IsOk());

  ASSERT_THAT(after->RestoreState(before->State()), IsOk());

  EXPECT_EQ(after->State(), before->State());
  EXPECT_EQ(after->num_releases(), 4);
  EXPECT_EQ(after->GetPrivacySpent().epsilon, before->GetPrivacySpent().epsilon);
  EXPECT_EQ(after->GetPrivacySpent().optimal_order, before->GetPrivacySpent().optimal_order);
  const auto empty = RdpAccountant::Create(Config(9)).value();
  ASSERT_THAT(after->RestoreState(empty->State()), IsOk());
  EXPECT_EQ(after->num_releases(), 0);
}

TEST(RdpAccountant, RefusesAStateOfAnotherConfigOrADamagedOne) {
  const auto accountant = RdpAccountant::Create(Config(9)).value();
  ASSERT_THAT(accountant->Compose(Event(2), 3), IsOk());
  const ConfigRecord good = accountant->State();
  const auto refused = [&](const std::string& key, std::optional<ConfigValue> value) {
    ConfigRecord state;
    for (const auto& [name, old] : good) {
      if (name != key) state.Set(name, old);
    }
    if (value.has_value()) state.Set(key, *value);
    const Status status = accountant->RestoreState(state);
    EXPECT_EQ(accountant->State(), good);
    return status;
  };
  using Doubles = std::vector<double>;
  using Ints = std::vector<std::int64_t>;

  for (const auto& [key, value] : std::initializer_list<ConfigRecord::Item>{
           {"schema_version", std::int64_t{2}},
           {"backend", std::string("pld")},
           {"target_delta", 1e-6},
           {"target_delta", std::string("small")},
           {"population_size", std::int64_t{1001}},
           {"max_epsilon", 10.0},
           {"sampling_method", std::string("dice")},
           {"sampling_method", std::string("poisson")},
           {"neighboring_relation", std::string("replace-one")},
           {"orders", Doubles{1.0}},
           {"orders", Ints{2}},
           {"noise_multipliers", Doubles{2, 3}},
           {"noise_multipliers", Doubles{-2}},
           {"sample_sizes", Ints{1001}},
           {"counts", Ints{0}},
           {"counts", Ints{1, 2}}}) {
    EXPECT_THAT(refused(key, value), StatusIs(StatusCode::kInvalidArgument, "accountant state"))
        << key;
  }
  for (const auto& [key, value] : good) {
    EXPECT_THAT(refused(key, std::nullopt),
                StatusIs(StatusCode::kInvalidArgument, "accountant state"))
        << key;
  }
  EXPECT_THAT(accountant->RestoreState({}), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace flwrcpp
