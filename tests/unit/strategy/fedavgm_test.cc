// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedavgm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/failing_reply.h"
#include "tests/support/status_matchers.h"
#include "tests/support/strategy_settings.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using testing::ComplexArrays;
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

std::unique_ptr<FedAvgM> Make(double learning_rate, double momentum) {
  FedAvgMOptions options;
  options.server_learning_rate = learning_rate;
  options.server_momentum = momentum;
  return FedAvgM::Create(options).value();
}

TEST(FedAvgMTest, IsFedAvgByDefault) {
  const auto strategy = FedAvgM::Create({}).value();

  EXPECT_THAT(DoublesOf(NewModel(*strategy, 1, Doubles({1, 2}), Doubles({5, 7}))),
              ElementsAre(5, 7));
  EXPECT_THAT(strategy->State(), IsEmpty());
}

TEST(FedAvgMTest, TheLearningRateScalesTheStep) {
  const auto strategy = Make(0.5, 0);

  EXPECT_THAT(DoublesOf(NewModel(*strategy, 1, Doubles({1, 2}), Doubles({3, -2}))),
              ElementsAre(2, 0));
  EXPECT_THAT(DoublesOf(NewModel(*strategy, 2, Doubles({2, 0}), Doubles({3, 1}))),
              ElementsAre(2.5, 0.5));
  EXPECT_THAT(strategy->State(), IsEmpty());
}

TEST(FedAvgMTest, MomentumKeepsAPartOfEarlierSteps) {
  const auto strategy = Make(2, 0.5);

  // m: -1, then -1 / 2 - 4, then -4.5 / 2 - 0.
  EXPECT_THAT(DoublesOf(NewModel(*strategy, 1, Doubles({0}), Doubles({1}))), ElementsAre(2));
  EXPECT_THAT(DoublesOf(NewModel(*strategy, 2, Doubles({2}), Doubles({6}))), ElementsAre(11));
  EXPECT_THAT(DoublesOf(NewModel(*strategy, 3, Doubles({11}), Doubles({11}))), ElementsAre(15.5));
}

TEST(FedAvgMTest, KeepsTheMomentumInNoMoreThanFloat32UnlessTheModelIsFloat64) {
  const ArrayRecord model = MixedModel();
  const auto strategy = Make(1, 0.9);

  const ArrayRecord next = NewModel(*strategy, 1, model, model);

  EXPECT_EQ(next.Find("float16")->dtype(), "float16");
  const RecordDict state = strategy->State();
  ASSERT_TRUE(state.contains("momentum"));
  const ArrayRecord& momentum = *state.FindArrays("momentum");
  EXPECT_EQ(momentum.Find("float32")->dtype(), "float32");
  EXPECT_EQ(momentum.Find("float16")->dtype(), "float32");
  EXPECT_EQ(momentum.Find("float64")->dtype(), "float64");
}

TEST(FedAvgMTest, ARestoredMomentumTakesPart) {
  const auto strategy = Make(1, 0.5);

  ASSERT_THAT(strategy->RestoreState({{"momentum", Doubles({-4})}}), IsOk());

  EXPECT_THAT(DoublesOf(NewModel(*strategy, 9, Doubles({1}), Doubles({2}))), ElementsAre(4));
  ASSERT_THAT(strategy->RestoreState({}), IsOk());
  EXPECT_THAT(DoublesOf(NewModel(*strategy, 1, Doubles({1}), Doubles({2}))), ElementsAre(2));
}

TEST(FedAvgMTest, RefusesADamagedStateAndStaysAsItWas) {
  const auto strategy = Make(1, 0.5);
  ASSERT_THAT(strategy->RestoreState({{"momentum", Doubles({-4})}}), IsOk());
  const RecordDict before = strategy->State();

  EXPECT_THAT(strategy->RestoreState({{"m", Doubles({1})}}),
              StatusIs(StatusCode::kInvalidArgument, "record 'm'"));
  EXPECT_THAT(strategy->RestoreState({{"momentum", MetricRecord{{"w", 1.0}}}}),
              StatusIs(StatusCode::kInvalidArgument, "misses the ArrayRecord 'momentum'"));
  EXPECT_THAT(strategy->RestoreState({{"momentum", ArrayRecord()}}),
              StatusIs(StatusCode::kInvalidArgument, "state 'momentum': has no arrays"));
  EXPECT_THAT(strategy->RestoreState({{"momentum", ComplexArrays(1)}}),
              StatusIs(StatusCode::kInvalidArgument, "array 'w' has dtype complex64"));

  EXPECT_EQ(strategy->State(), before);
}

TEST(FedAvgMTest, AMomentumOfAnotherModelEndsTheRunAndIsKept) {
  const auto strategy = Make(1, 0.5);
  ASSERT_THAT(strategy->RestoreState({{"momentum", Doubles({1, 2, 3})}}), IsOk());

  EXPECT_THAT(TrainRound(*strategy, Weights({1}), {{1, Weights({2})}, {2, Weights({2})}}),
              StatusIs(StatusCode::kInvalidArgument,
                       "what was kept from earlier rounds: array 'w' has shape (3,)"));
  EXPECT_EQ(strategy->State(), (RecordDict{{"momentum", Doubles({1, 2, 3})}}));
}

TEST(FedAvgMTest, RefusesSettingsOutOfRange) {
  ExpectRefused<FedAvgM>(&FedAvgMOptions::server_learning_rate, {0, -1},
                         "FedAvgM: server_learning_rate is ");
  ExpectRefused<FedAvgM>(&FedAvgMOptions::server_momentum, {-0.1}, "FedAvgM: server_momentum is ");
  FedAvgMOptions options;
  options.fraction_train = 2;
  EXPECT_THAT(FedAvgM::Create(options),
              StatusIs(StatusCode::kInvalidArgument, "FedAvgM: fraction_train is 2"));
}

TEST(FedAvgMTest, HasFlowersDefaults) {
  EXPECT_THAT(FedAvgM::Create({}).value()->Summary(),
              Contains("FedAvgM: server_learning_rate 1, server_momentum 0"));
}

}  // namespace
}  // namespace flwrcpp
