// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/make_strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

TEST(MakeStrategyTest, MakesEveryStrategyItNamesWithItsDefaults) {
  for (const std::string& name : StrategyNames()) {
    SCOPED_TRACE(name);
    ConfigRecord parameters;
    if (name == "QFedAvg") parameters.Set("client_learning_rate", 0.1);  // has no default
    const auto strategy = MakeStrategy(name, {}, parameters);
    ASSERT_THAT(strategy, IsOk());
    EXPECT_THAT((*strategy)->Summary(), Contains(HasSubstr(name)));
  }
}

TEST(MakeStrategyTest, TakesNamesAndParametersAsPeopleWriteThem) {
  const auto strategy =
      MakeStrategy("fedavgm", {}, {{"server-learning-rate", 0.5}, {"server_momentum", 0.9}});

  ASSERT_THAT(strategy, IsOk());
  EXPECT_THAT((*strategy)->Summary(),
              Contains("FedAvgM: server_learning_rate 0.5, server_momentum 0.9"));
}

TEST(MakeStrategyTest, HandsOutParametersOfEachType) {
  const auto krum = MakeStrategy(
      "MultiKrum", {},
      {{"num-malicious-nodes", std::int64_t{2}}, {"num-nodes-to-select", std::int64_t{3}}});
  ASSERT_THAT(krum, IsOk());
  EXPECT_THAT((*krum)->Summary(),
              Contains("MultiKrum: num_malicious_nodes 2, num_nodes_to_select 3"));
  const auto fair = MakeStrategy(
      "QFedAvg", {},
      {{"client-learning-rate", 0.5}, {"q", 0.25}, {"train-loss-key", std::string("loss")}});
  ASSERT_THAT(fair, IsOk());
  EXPECT_THAT((*fair)->Summary(),
              Contains("QFedAvg: client_learning_rate 0.5, q 0.25, train_loss_key 'loss'"));
  EXPECT_THAT(MakeStrategy("QFedAvg", {}, {{"train-loss-key", 1.0}}),
              StatusIs(StatusCode::kInvalidArgument, "train_loss_key"));
}

TEST(MakeStrategyTest, WholeNumbersAreTakenForRealOnes) {
  const auto strategy = MakeStrategy("FedAvgM", {}, {{"server_learning_rate", std::int64_t{2}}});

  ASSERT_THAT(strategy, IsOk());
  EXPECT_THAT((*strategy)->Summary(),
              Contains("FedAvgM: server_learning_rate 2, server_momentum 0"));
}

TEST(MakeStrategyTest, NamesThatItDoesNotKnowAreListed) {
  EXPECT_THAT(MakeStrategy("FedSgd", {}, {}),
              StatusIs(StatusCode::kInvalidArgument,
                       "unknown strategy 'FedSgd', expected FedAvg, FedAvgM, "));
  EXPECT_THAT(MakeStrategy("FedAvgM", {}, {{"momentum", 0.9}}),
              StatusIs(StatusCode::kInvalidArgument,
                       "FedAvgM: unknown parameter momentum, expected "
                       "server_learning_rate, server_momentum"));
  EXPECT_THAT(MakeStrategy("FedAvg", {}, {{"eta", 0.9}}),
              StatusIs(StatusCode::kInvalidArgument, "FedAvg: has no parameters, got eta"));
}

TEST(MakeStrategyTest, RefusesValuesThatAreNone) {
  EXPECT_THAT(MakeStrategy("FedAvgM", {}, {{"server_momentum", std::string("much")}}),
              StatusIs(StatusCode::kInvalidArgument, "server_momentum"));
  EXPECT_THAT(
      MakeStrategy("FedAvgM", {}, {{"server_learning_rate", -1.0}}),
      StatusIs(StatusCode::kInvalidArgument, "FedAvgM: server_learning_rate is -1, expected"));
}

}  // namespace
}  // namespace flwrcpp
