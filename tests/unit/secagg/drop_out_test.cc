// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Nodes that drop out of a round of secure aggregation, in each of its stages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/secagg/workflow_fixture.h"

namespace flwrcpp {
namespace {

using testing::FakeGrid;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::kStages;
using testing::SecAggFederation;
using ::testing::SizeIs;
using testing::StageOf;
using testing::Threshold;
using testing::TrainOnly;
using testing::TwoArrays;

namespace secagg = internal::secagg;

/// A node that fails, or says nothing, in each of the stages.
class DropOut : public ::testing::TestWithParam<std::tuple<std::string, bool>> {};

TEST_P(DropOut, TheMeanIsThatOfTheModelsThatCame) {
  const auto& [stage, silent] = GetParam();
  SecAggFederation federation(5, 5);
  auto& lost = std::next(federation.members.begin(), 2)->second;
  (silent ? lost.silent_in : lost.fails_in) = stage;
  SecAggPlusOptions options = Threshold(3);
  options.timeout = std::chrono::milliseconds(300);  // for each stage
  const auto train = federation.Train(options);
  ASSERT_THAT(train, IsOk());
  federation.ExpectPlainMean(options);
  const bool counts = stage == secagg::kUnmask;
  EXPECT_EQ(train->num_results, counts ? 5 : 4);
  EXPECT_THAT(train->failures, SizeIs(counts ? 0 : 1));
  if (!train->failures.empty()) {
    EXPECT_THAT(train->failures[0].second, HasSubstr(silent ? "no answer" : "out of power"));
    EXPECT_THAT(train->failures[0].second, HasSubstr(stage));
  }
}

INSTANTIATE_TEST_SUITE_P(Stages, DropOut,
                         ::testing::Combine(::testing::ValuesIn(kStages), ::testing::Bool()));

TEST(SecAggDropOut, RandomFederationsGiveThePlainMeanOrHalt) {
  std::mt19937_64 random(20240607);
  const auto draw = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  int halted = 0;
  int done = 0;
  for (int trial = 0; trial < 30; ++trial) {
    const int count = draw(2, 9);
    SecAggFederation federation(static_cast<std::size_t>(count), random());
    SecAggPlusOptions options;
    if (draw(0, 1) == 1 && count >= 3) options.num_shares = draw(3, count);
    const int* const shares = std::get_if<int>(&options.num_shares);
    options.reconstruction_threshold = draw(2, shares == nullptr ? count : *shares - 1);
    options.modulus_range = std::int64_t{1} << draw(26, 40);
    for (auto& [id, member] : federation.members) {
      if (draw(0, 5) == 0) member.fails_in = kStages[static_cast<std::size_t>(draw(0, 3))];
    }
    SCOPED_TRACE(::testing::Message() << "trial " << trial << ", " << count << " nodes");
    const auto train = federation.Train(options);
    ASSERT_THAT(train, IsOk());
    if (train->num_results > 0) {
      ++done;
      federation.ExpectPlainMean(options);
    } else {
      ++halted;
      EXPECT_THAT(train->failures, SizeIs(static_cast<std::size_t>(count)));
      EXPECT_EQ(federation.global, TwoArrays({0, 0, 0, 0, 0}));
    }
  }
  // Both happen, or the test would say little.
  EXPECT_GT(done, 10);
  EXPECT_GT(halted, 2);
}

TEST(SecAggDropOut, ARoundWithTooFewNodesLeavesTheModelAndSaysWhy) {
  for (const std::string& stage : kStages) {
    SCOPED_TRACE(stage);
    SecAggFederation federation(4, 6);
    federation.members.begin()->second.fails_in = stage;
    const auto train = federation.Train(Threshold(4));
    ASSERT_THAT(train, IsOk());
    EXPECT_EQ(train->num_results, 0);
    EXPECT_THAT(train->failures, SizeIs(4));
    int explained = 0;
    for (const auto& [id, reason] : train->failures) {
      explained += reason.find("the threshold is 4") != std::string::npos ? 1 : 0;
    }
    EXPECT_EQ(explained, 3);
    EXPECT_EQ(federation.global, TwoArrays({0, 0, 0, 0, 0}));
  }
}

TEST(SecAggDropOut, ManyNodesWithFewNeighboursLoseSeveral) {
  SecAggFederation federation(20, 7);
  SecAggPlusOptions options = Threshold(2);
  options.num_shares = 7;
  auto member = federation.members.begin();
  for (const std::string& stage : kStages) (member++)->second.fails_in = stage;
  const auto train = federation.Train(options);
  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->num_results, 17);
  federation.ExpectPlainMean(options);
}

TEST(SecAggDropOut, NeverAsksForBothSecretsOfANode) {
  SecAggFederation federation(5, 8);
  federation.members.begin()->second.fails_in = secagg::kCollectMaskedVectors;
  std::map<std::uint64_t, std::set<std::string>> asked;  // by owner
  FakeGrid grid;
  for (const auto& [id, member] : federation.members) {
    const auto node = member.node;
    const std::string fails_in = member.fails_in;
    grid.AddNode(id, [&, node, fails_in](const Message& instruction) {
      if (StageOf(instruction) == fails_in) {
        return Message::ErrorReplyTo(instruction, {2, "out of power"});
      }
      if (StageOf(instruction) == secagg::kUnmask) {
        for (const char* const list : {secagg::kActiveNodeIdList, secagg::kDeadNodeIdList}) {
          const ConfigRecord& configs = *instruction.content().FindConfig(secagg::kConfigs);
          const std::vector<std::uint64_t> owners = secagg::GetNodeIds(configs, list).value();
          for (const std::uint64_t owner : owners) asked[owner].insert(list);
        }
      }
      return node->Answer(instruction);
    });
  }
  const auto workflow = SecAggPlusWorkflow::Create(TrainOnly(), Threshold(2)).value();
  StartOptions start;
  start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
  start.num_rounds = 1;
  ASSERT_THAT(workflow->Start(grid, std::move(start)), IsOk());
  EXPECT_THAT(asked, SizeIs(5));
  for (const auto& [owner, lists] : asked) EXPECT_THAT(lists, SizeIs(1)) << owner;
}

}  // namespace
}  // namespace flwrcpp
