// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// Each formula once, with numbers that can be checked by hand; strategies_golden_test.cc compares
// with stock Flower.

#include "flwrcpp/strategy/fedopt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/strategy_settings.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using ::testing::Contains;
using testing::Doubles;
using testing::DoublesOf;
using ::testing::ElementsAre;
using testing::ExpectRefused;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::MixedModel;
using testing::NewModel;
using testing::StatusIs;
using testing::TrainRound;
using testing::Weights;
using testing::WeightsOf;

/// The element of the new model after a round.
double NewElement(Strategy& strategy, int server_round, double global, double mean) {
  return DoublesOf(NewModel(strategy, server_round, Doubles({global}), Doubles({mean}))).front();
}

double StateElement(const Strategy& strategy, const char* record) {
  return DoublesOf(*strategy.State().FindArrays(record)).front();
}

TEST(FedAdagradTest, DividesByTheRootOfAllSquaresSoFar) {
  FedAdagradOptions options;
  options.eta = 0.5;
  options.tau = 1;
  const auto strategy = FedAdagrad::Create(options).value();

  // Δ 3, v 9; then Δ -4, v 25.
  EXPECT_DOUBLE_EQ(NewElement(*strategy, 1, 10, 13), 10 + 0.5 * 3 / (3 + 1));
  EXPECT_DOUBLE_EQ(NewElement(*strategy, 2, 10, 6), 10 - 0.5 * 4 / (5 + 1));
  EXPECT_DOUBLE_EQ(StateElement(*strategy, "m"), -4);
  EXPECT_DOUBLE_EQ(StateElement(*strategy, "v"), 25);
}

TEST(FedAdamTest, CorrectsItsBiasByTheRoundPlusOne) {
  FedAdamOptions options;
  options.eta = 0.5;
  options.beta_1 = 0.5;
  options.beta_2 = 0.75;
  options.tau = 1;
  const auto strategy = FedAdam::Create(options).value();

  // Δ 4, m 2, v 4; then Δ 6, m 4, v 12.
  EXPECT_DOUBLE_EQ(NewElement(*strategy, 1, 10, 14),
                   10 + 0.5 * std::sqrt(1 - 0.75 * 0.75) / (1 - 0.5 * 0.5) * 2 / (2 + 1));
  EXPECT_DOUBLE_EQ(NewElement(*strategy, 3, 10, 16), 10 + 0.5 * std::sqrt(1 - std::pow(0.75, 4)) /
                                                              (1 - std::pow(0.5, 4)) * 4 /
                                                              (std::sqrt(12.0) + 1));
  EXPECT_DOUBLE_EQ(StateElement(*strategy, "m"), 4);
  EXPECT_DOUBLE_EQ(StateElement(*strategy, "v"), 12);
}

TEST(FedYogiTest, MovesTheSecondMomentTowardsTheNewSquareByAPartOfThatSquare) {
  FedYogiOptions options;
  options.eta = 0.5;
  options.beta_1 = 0.5;
  options.beta_2 = 0.75;
  options.tau = 1;
  const auto strategy = FedYogi::Create(options).value();

  // Δ 4, m 2, v 4: below 16, so v grew. Then Δ 1, m 1.5, v 3.75: above 1, so it shrank.
  EXPECT_DOUBLE_EQ(NewElement(*strategy, 1, 10, 14), 10 + 0.5 * 2 / (2 + 1));
  EXPECT_DOUBLE_EQ(NewElement(*strategy, 2, 10, 11), 10 + 0.5 * 1.5 / (std::sqrt(3.75) + 1));
  EXPECT_DOUBLE_EQ(StateElement(*strategy, "v"), 3.75);
  // Equal to the square it stays.
  ASSERT_THAT(strategy->RestoreState({{"m", Doubles({0})}, {"v", Doubles({9})}}), IsOk());
  EXPECT_DOUBLE_EQ(NewElement(*strategy, 3, 10, 13), 10 + 0.5 * 1.5 / (3 + 1));
  EXPECT_DOUBLE_EQ(StateElement(*strategy, "v"), 9);
}

TEST(FedOptTest, AModelThatNobodyChangesStays) {
  const auto adagrad = FedAdagrad::Create({}).value();
  const auto adam = FedAdam::Create({}).value();
  const auto yogi = FedYogi::Create({}).value();
  for (Strategy* const strategy :
       {static_cast<Strategy*>(adagrad.get()), static_cast<Strategy*>(adam.get()),
        static_cast<Strategy*>(yogi.get())}) {
    SCOPED_TRACE(strategy->Summary().front());
    EXPECT_THAT(WeightsOf(NewModel(*strategy, 1, Weights({1, -2, 0}), Weights({1, -2, 0}))),
                ElementsAre(1, -2, 0));
  }
}

TEST(FedOptTest, KeepsBothMomentsInNoMoreThanFloat32UnlessTheModelIsFloat64) {
  const ArrayRecord model = MixedModel();
  const auto strategy = FedAdam::Create({}).value();
  EXPECT_THAT(strategy->State(), IsEmpty());

  const ArrayRecord next = NewModel(*strategy, 1, model, model);

  for (const auto& [type, array] : next) EXPECT_EQ(array.dtype(), type);
  const RecordDict state = strategy->State();
  for (const char* const record : {"m", "v"}) {
    ASSERT_TRUE(state.contains(record));
    EXPECT_EQ(state.FindArrays(record)->Find("float32")->dtype(), "float32");
    EXPECT_EQ(state.FindArrays(record)->Find("float16")->dtype(), "float32");
    EXPECT_EQ(state.FindArrays(record)->Find("float64")->dtype(), "float64");
  }
}

TEST(FedOptTest, RefusesADamagedStateAndStaysAsItWas) {
  const auto strategy = FedYogi::Create({}).value();
  ASSERT_THAT(strategy->RestoreState({{"m", Doubles({1})}, {"v", Doubles({2})}}), IsOk());
  const RecordDict before = strategy->State();

  EXPECT_THAT(strategy->RestoreState({{"m", Doubles({1})}}),
              StatusIs(StatusCode::kInvalidArgument, "misses the ArrayRecord 'v'"));
  EXPECT_THAT(strategy->RestoreState({{"m", Doubles({1})}, {"v", ArrayRecord()}}),
              StatusIs(StatusCode::kInvalidArgument, "state 'v': has no arrays"));
  EXPECT_THAT(strategy->RestoreState({{"m", Doubles({1})}, {"v", Doubles({2, 3})}}),
              StatusIs(StatusCode::kInvalidArgument, "array 'w' has shape (2,)"));
  EXPECT_THAT(
      strategy->RestoreState({{"m", Doubles({1})}, {"v", Doubles({2})}, {"w", Doubles({2})}}),
      StatusIs(StatusCode::kInvalidArgument, "record 'w'"));

  EXPECT_EQ(strategy->State(), before);
}

TEST(FedOptTest, MomentsOfAnotherModelEndTheRunAndAreKept) {
  const auto strategy = FedAdam::Create({}).value();
  const RecordDict other = {{"m", Doubles({1, 2})}, {"v", Doubles({3, 4})}};
  ASSERT_THAT(strategy->RestoreState(other), IsOk());

  EXPECT_THAT(TrainRound(*strategy, Weights({1}), {{1, Weights({2})}, {2, Weights({2})}}),
              StatusIs(StatusCode::kInvalidArgument, "what was kept from earlier rounds"));
  EXPECT_EQ(strategy->State(), other);
}

TEST(FedOptTest, RefusesSettingsOutOfRange) {
  ExpectRefused<FedAdagrad>(&FedAdagradOptions::eta, {0, -1}, "FedAdagrad: eta is ");
  ExpectRefused<FedAdagrad>(&FedAdagradOptions::eta_l, {0, -1}, "FedAdagrad: eta_l is ");
  ExpectRefused<FedAdagrad>(&FedAdagradOptions::tau, {0, -1}, "FedAdagrad: tau is ");
  ExpectRefused<FedAdam>(&FedAdamOptions::eta, {0}, "FedAdam: eta is ");
  ExpectRefused<FedAdam>(&FedAdamOptions::beta_1, {-0.1, 1}, "FedAdam: beta_1 is ");
  ExpectRefused<FedAdam>(&FedAdamOptions::beta_2, {-0.1, 1}, "FedAdam: beta_2 is ");
  ExpectRefused<FedYogi>(&FedYogiOptions::tau, {0}, "FedYogi: tau is ");
  ExpectRefused<FedYogi>(&FedYogiOptions::beta_2, {1.5}, "FedYogi: beta_2 is ");
}

TEST(FedOptTest, HasFlowersDefaults) {
  EXPECT_THAT(FedAdagrad::Create({}).value()->Summary(),
              Contains("FedAdagrad: eta 0.1, eta_l 0.1, beta_1 0, beta_2 0, tau 0.001"));
  EXPECT_THAT(FedAdam::Create({}).value()->Summary(),
              Contains("FedAdam: eta 0.1, eta_l 0.1, beta_1 0.9, beta_2 0.99, tau 0.001"));
  EXPECT_THAT(FedYogi::Create({}).value()->Summary(),
              Contains("FedYogi: eta 0.01, eta_l 0.0316, beta_1 0.9, beta_2 0.99, tau 0.001"));
}

}  // namespace
}  // namespace flwrcpp
