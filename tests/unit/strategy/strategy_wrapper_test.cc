// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/strategy_wrapper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/fedavgm.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using testing::IsOk;
using testing::Reply;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

/// A wrapper that changes nothing.
class Transparent : public StrategyWrapper {
 public:
  explicit Transparent(std::unique_ptr<Strategy> strategy) : StrategyWrapper(std::move(strategy)) {}
};

/// The wrapper that the header shows.
class EverySecondRound : public StrategyWrapper {
 public:
  explicit EverySecondRound(std::unique_ptr<Strategy> strategy)
      : StrategyWrapper(std::move(strategy)) {}

  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override {
    if (server_round % 2 == 0) return std::vector<Message>();
    return StrategyWrapper::ConfigureTrain(server_round, arrays, config, grid, stop);
  }
};

std::unique_ptr<Strategy> Momentum() {
  FedAvgMOptions options;
  options.server_momentum = 0.5;
  return FedAvgM::Create(options).value();
}

/// What two nodes, which send what they got and their number more, make of three rounds.
struct ThreeRounds {
  explicit ThreeRounds(Strategy& strategy) {
    FakeGrid grid;
    for (const std::uint64_t id : {1, 2}) {
      grid.AddNode(id, [](const Message& instruction) {
        const float step =
            static_cast<float>(instruction.metadata().dst_node_id) +
            static_cast<float>(
                instruction.content().FindConfig("config")->GetDouble("step").value());
        const float value = WeightsOf(*instruction.content().FindArrays("arrays"))[0];
        return Reply(instruction, Weights({value + step}),
                     {{"num-examples", std::int64_t{1}}, {"value", double{value}}});
      });
    }
    StartOptions options;
    options.initial_arrays = Weights({0});
    options.train_config = {{"step", 0.5}};
    options.evaluate_config = {{"step", 0.0}};
    options.on_round = [this](const RoundReport& report, const ArrayRecord& arrays) {
      models.push_back(WeightsOf(arrays)[0]);
      trained.push_back(report.train.has_value());
      evaluated.push_back(report.evaluate->metrics->GetDouble("value").value());
      return absl::OkStatus();
    };
    EXPECT_THAT(strategy.Start(grid, std::move(options)), IsOk());
  }

  std::vector<float> models;
  std::vector<bool> trained;
  std::vector<double> evaluated;
};

TEST(StrategyWrapperTest, DoesAllAsTheInnerStrategy) {
  const auto inner = Momentum();
  Transparent wrapper(Momentum());

  const ThreeRounds plain(*inner);
  const ThreeRounds wrapped(wrapper);

  EXPECT_THAT(plain.models, ElementsAre(2, 5, 8.5));
  EXPECT_EQ(wrapped.models, plain.models);
  EXPECT_THAT(wrapped.evaluated, ElementsAre(2, 5, 8.5));
  EXPECT_EQ(wrapper.Summary(), inner->Summary());
  EXPECT_FALSE(inner->State().empty());
  EXPECT_EQ(wrapper.State(), inner->State());
}

TEST(StrategyWrapperTest, RestoresTheInnerStrategy) {
  Transparent wrapper(Momentum());
  const RecordDict state = {{"momentum", Weights({-3})}};

  ASSERT_THAT(wrapper.RestoreState(state), IsOk());

  EXPECT_EQ(wrapper.State(), state);
  EXPECT_THAT(wrapper.RestoreState({{"stranger", MetricRecord()}}),
              StatusIs(StatusCode::kInvalidArgument, "'stranger'"));
  EXPECT_EQ(wrapper.State(), state);
}

TEST(StrategyWrapperTest, WhatIsOverriddenTakesPartInTraining) {
  EverySecondRound wrapper(Momentum());

  const ThreeRounds run(wrapper);

  EXPECT_THAT(run.trained, ElementsAre(true, false, true));
  EXPECT_THAT(run.models, ElementsAre(2, 2, 5));
}

}  // namespace
}  // namespace flwrcpp
