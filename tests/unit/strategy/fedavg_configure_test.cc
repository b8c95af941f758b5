// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "strategy/node_sampling.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

void AddNodes(FakeGrid& grid, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t id = first; id <= last; ++id) {
    grid.AddNode(id, testing::FixedNode({1}, {}));
  }
}

std::vector<std::uint64_t> Targets(const std::vector<Message>& messages) {
  std::vector<std::uint64_t> ids;
  for (const Message& message : messages) ids.push_back(message.metadata().dst_node_id);
  return ids;
}

/// Whom a strategy asks to train in a round.
std::vector<std::uint64_t> Trained(FakeGrid& grid, const FedAvgOptions& options, int round) {
  const auto strategy = FedAvg::Create(options).value();
  const auto messages = strategy->ConfigureTrain(round, {}, {}, grid, {});
  EXPECT_THAT(messages, IsOk());
  return Targets(*messages);
}

TEST(FedAvgCreateTest, RefusesOptionsOutOfRange) {
  FedAvgOptions options;
  options.fraction_train = 1.01;
  EXPECT_THAT(FedAvg::Create(options), StatusIs(StatusCode::kInvalidArgument, "fraction_train"));
  options = {};
  options.fraction_evaluate = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(FedAvg::Create(options), StatusIs(StatusCode::kInvalidArgument, "fraction_evaluate"));
  options = {};
  options.min_train_nodes = -1;
  EXPECT_THAT(FedAvg::Create(options), StatusIs(StatusCode::kInvalidArgument, "min_train_nodes"));
  options = {};
  options.configrecord_key = options.arrayrecord_key;
  EXPECT_THAT(FedAvg::Create(options), StatusIs(StatusCode::kInvalidArgument, "'arrays'"));
  options = {};
  options.weighted_by_key = "";
  EXPECT_THAT(FedAvg::Create(options), StatusIs(StatusCode::kInvalidArgument, "weighted_by_key"));
}

TEST(FedAvgConfigureTest, InstructionsCarryArraysAndConfigWithTheRound) {
  FakeGrid grid;
  AddNodes(grid, 1, 2);
  const auto strategy = FedAvg::Create({}).value();
  const ConfigRecord config = {{"lr", 0.1}, {"server-round", std::int64_t{1}}};

  const auto train = strategy->ConfigureTrain(4, Weights({7}), config, grid, {});
  const auto evaluate = strategy->ConfigureEvaluate(4, Weights({7}), {}, grid, {});

  ASSERT_THAT(train, IsOk());
  ASSERT_THAT(Targets(*train), ElementsAre(1, 2));
  const Message& message = train->front();
  EXPECT_EQ(message.metadata().message_type, "train");
  EXPECT_EQ(message.metadata().group_id, "");
  EXPECT_EQ(message.metadata().ttl, kDefaultTtlSeconds);
  ASSERT_EQ(message.content().size(), 2);
  EXPECT_EQ(message.content().item(0).first, "arrays");
  EXPECT_THAT(WeightsOf(*message.content().FindArrays("arrays")), ElementsAre(7));
  EXPECT_EQ(*message.content().FindConfig("config"),
            (ConfigRecord{{"lr", 0.1}, {"server-round", std::int64_t{4}}}));
  ASSERT_THAT(evaluate, IsOk());
  EXPECT_EQ(evaluate->front().metadata().message_type, "evaluate");
}

TEST(FedAvgConfigureTest, AllInstructionsShareOneContent) {
  FakeGrid grid;
  AddNodes(grid, 1, 3);
  const auto strategy = FedAvg::Create({}).value();

  const auto messages = strategy->ConfigureTrain(1, Weights({7}), {}, grid, {});

  ASSERT_THAT(messages, IsOk());
  ASSERT_THAT(*messages, SizeIs(3));
  EXPECT_EQ((*messages)[0].shared_content(), (*messages)[2].shared_content());
  EXPECT_EQ((*messages)[0].shared_content().use_count(), 3);
}

TEST(FedAvgConfigureTest, FractionAndMinimumDecideOnTheNumber) {
  FakeGrid grid;
  AddNodes(grid, 1, 10);
  FedAvgOptions options;

  options.fraction_train = 0.55;
  EXPECT_THAT(Trained(grid, options, 1), SizeIs(5));
  options.min_train_nodes = 7;
  EXPECT_THAT(Trained(grid, options, 1), SizeIs(7));
  options.fraction_train = 1.0;
  EXPECT_THAT(Trained(grid, options, 1), SizeIs(10));
}

TEST(FedAvgConfigureTest, FractionZeroLeavesThePhaseOutWithoutWaiting) {
  FakeGrid grid;
  FedAvgOptions options;
  options.fraction_train = 0;
  options.fraction_evaluate = 0;
  const auto strategy = FedAvg::Create(options).value();

  EXPECT_THAT(strategy->ConfigureTrain(1, {}, {}, grid, {}).value(), IsEmpty());
  EXPECT_THAT(strategy->ConfigureEvaluate(1, {}, {}, grid, {}).value(), IsEmpty());
}

TEST(FedAvgConfigureTest, WaitsUntilEnoughNodesAreOnline) {
  FakeGrid grid;
  std::uint64_t joined = 0;
  grid.on_wait_for_nodes = [&] {
    ++joined;
    AddNodes(grid, joined, joined);
  };
  FedAvgOptions options;
  options.min_available_nodes = 4;

  EXPECT_THAT(Trained(grid, options, 1), ElementsAre(1, 2, 3, 4));
}

TEST(FedAvgConfigureTest, WaitsForTheMinimumOfThePhaseToo) {
  FakeGrid grid;
  AddNodes(grid, 1, 2);
  int waits = 0;
  grid.on_wait_for_nodes = [&] {
    if (++waits == 3) AddNodes(grid, 3, 3);
  };
  FedAvgOptions options;
  options.fraction_train = 0.1;
  options.min_train_nodes = 3;

  EXPECT_THAT(Trained(grid, options, 1), SizeIs(3));
  EXPECT_EQ(waits, 3);
}

TEST(FedAvgConfigureTest, AStopEndsTheWait) {
  FakeGrid grid;
  std::stop_source source;
  grid.on_wait_for_nodes = [&] { source.request_stop(); };
  const auto strategy = FedAvg::Create({}).value();

  EXPECT_THAT(strategy->ConfigureTrain(1, {}, {}, grid, source.get_token()),
              StatusIs(StatusCode::kCancelled, "waiting for nodes"));
}

TEST(FedAvgConfigureTest, ASeedMakesTheChoiceRepeatable) {
  FakeGrid grid;
  AddNodes(grid, 1, 100);
  FedAvgOptions options;
  options.fraction_train = 0.1;
  options.seed = 42;

  const std::vector<std::uint64_t> first = Trained(grid, options, 3);

  EXPECT_EQ(Trained(grid, options, 3), first);
  EXPECT_NE(Trained(grid, options, 4), first);
  options.seed = 43;
  EXPECT_NE(Trained(grid, options, 3), first);
}

TEST(FedAvgConfigureTest, PhasesChooseIndependently) {
  FakeGrid grid;
  AddNodes(grid, 1, 100);
  FedAvgOptions options;
  options.fraction_train = options.fraction_evaluate = 0.1;
  options.seed = 42;
  const auto strategy = FedAvg::Create(options).value();

  EXPECT_NE(Targets(*strategy->ConfigureTrain(1, {}, {}, grid, {})),
            Targets(*strategy->ConfigureEvaluate(1, {}, {}, grid, {})));
}

TEST(SampleTest, ChoosesWithoutReplacementWhateverTheOrder) {
  const std::vector<std::uint64_t> chosen = internal::Sample({5, 4, 3, 2, 1}, 3, 7);

  EXPECT_THAT(std::set(chosen.begin(), chosen.end()), SizeIs(3));
  EXPECT_EQ(internal::Sample({1, 2, 3, 4, 5}, 3, 7), chosen);
  EXPECT_THAT(internal::Sample({2, 1}, 5, 7), ElementsAre(1, 2));
  EXPECT_THAT(internal::Sample({}, 5, 7), IsEmpty());
}

TEST(SampleTest, EverySetIsEquallyLikely) {
  std::map<std::vector<std::uint64_t>, int> counts;
  constexpr int kDraws = 6000;

  for (int seed = 0; seed < kDraws; ++seed) {
    ++counts[internal::Sample({1, 2, 3, 4}, 2, static_cast<std::uint64_t>(seed))];
  }

  ASSERT_THAT(counts, SizeIs(6));
  // 1000 expected for each, standard deviation 29: five of them are far from chance.
  for (const auto& [chosen, count] : counts) EXPECT_NEAR(count, kDraws / 6, 145);
}

}  // namespace
}  // namespace flwrcpp
