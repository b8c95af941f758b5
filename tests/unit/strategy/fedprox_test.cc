// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedprox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"
#include "tests/support/strategy_settings.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::ExpectRefused;
using testing::FakeGrid;
using ::testing::IsEmpty;
using testing::NewModel;
using ::testing::SizeIs;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

std::unique_ptr<FedProx> Make(double proximal_mu) {
  FedProxOptions options;
  options.proximal_mu = proximal_mu;
  return FedProx::Create(options).value();
}

TEST(FedProxTest, TellsTheNodesTheirWeightOfTheProximalTermWhenTheyTrain) {
  FakeGrid grid;
  grid.AddNode(1, {});
  grid.AddNode(2, {});
  const auto strategy = Make(0.25);
  const ConfigRecord config = {{"epochs", std::int64_t{3}}, {"proximal-mu", 7.0}};

  const auto train = strategy->ConfigureTrain(4, Weights({1}), config, grid, {}).value();
  const auto evaluate = strategy->ConfigureEvaluate(4, Weights({1}), {}, grid, {}).value();

  ASSERT_THAT(train, SizeIs(2));
  for (const Message& message : train) {
    EXPECT_EQ(*message.content().FindConfig("config"),
              (ConfigRecord{{"epochs", std::int64_t{3}},
                            {"proximal-mu", 0.25},
                            {"server-round", std::int64_t{4}}}));
  }
  EXPECT_EQ(*evaluate.front().content().FindConfig("config"),
            (ConfigRecord{{"server-round", std::int64_t{4}}}));
}

TEST(FedProxTest, AveragesAsFedAvgAndCarriesNothing) {
  const auto strategy = Make(0.25);

  EXPECT_THAT(WeightsOf(NewModel(*strategy, 1, Weights({1, 2}), Weights({5, 7}))),
              ElementsAre(5, 7));
  EXPECT_THAT(strategy->State(), IsEmpty());
  EXPECT_THAT(strategy->RestoreState({{"momentum", Weights({1})}}),
              StatusIs(StatusCode::kInvalidArgument, "'momentum'"));
}

TEST(FedProxTest, RefusesSettingsOutOfRange) {
  ExpectRefused<FedProx>(&FedProxOptions::proximal_mu, {-0.1}, "FedProx: proximal_mu is ");
  FedProxOptions options;
  options.min_train_nodes = -1;
  EXPECT_THAT(FedProx::Create(options),
              StatusIs(StatusCode::kInvalidArgument, "FedProx: min_train_nodes is -1"));
}

TEST(FedProxTest, HasFlowersDefaults) {
  EXPECT_THAT(FedProx::Create({}).value()->Summary(), Contains("FedProx: proximal_mu 0"));
}

}  // namespace
}  // namespace flwrcpp
