// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// A run that goes on from a checkpoint gives what the uninterrupted one gives, noise included.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/dp_adaptive_clipping.h"
#include "flwrcpp/strategy/dp_fixed_clipping.h"
#include "flwrcpp/strategy/fedavgm.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::FakeGrid;
using testing::IsOk;
using testing::Reply;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

/// Trains by a step that depends on the model; says in every other round that it has clipped.
std::optional<Message> Train(const Message& instruction) {
  std::vector<float> values = WeightsOf(*instruction.content().FindArrays("arrays"));
  const std::int64_t round =
      instruction.content().FindConfig("config")->GetInt("server-round").value();
  const std::int64_t node = static_cast<std::int64_t>(instruction.metadata().dst_node_id);
  for (float& value : values) value = value * 0.75F + static_cast<float>(node);
  return Reply(instruction, Weights(values),
               {{"num-examples", std::int64_t{10}}, {"norm_bit", (round + node) % 2}});
}

struct Outcome {
  std::vector<float> model;
  RecordDict state;
};

/// Rounds `first` to `last`, on from what an earlier call gave.
Outcome RunRounds(Strategy& strategy, int first, int last, const Outcome& from) {
  EXPECT_THAT(strategy.RestoreState(from.state), IsOk());
  FakeGrid grid;
  for (const std::uint64_t node : {1U, 2U}) grid.AddNode(node, Train);
  StartOptions options;
  options.initial_arrays = Weights(from.model);
  options.first_round = first;
  options.num_rounds = last;
  const StatusOr<Result> result = strategy.Start(grid, std::move(options));
  EXPECT_THAT(result, IsOk());
  return {WeightsOf(result->arrays), strategy.State()};
}

using Make = std::function<std::unique_ptr<Strategy>()>;

void ExpectToGoOnAsIfNothingHadHappened(const Make& make) {
  const Outcome begin{{1, -2, 3}, {}};
  const Outcome whole = RunRounds(*make(), 1, 5, begin);

  const Outcome half = RunRounds(*make(), 1, 2, begin);
  const Outcome resumed = RunRounds(*make(), 3, 5, half);

  EXPECT_FALSE(half.state.empty());
  EXPECT_EQ(resumed.model, whole.model);
  EXPECT_EQ(resumed.state, whole.state);
  // What the state holds matters: without it the run takes another way.
  const Outcome forgetful = RunRounds(*make(), 3, 5, {half.model, {}});
  EXPECT_NE(forgetful.state, whole.state);
}

FedAvgOptions Base() {
  FedAvgOptions options;
  options.fraction_evaluate = 0;
  options.seed = 1;
  return options;
}

std::unique_ptr<Strategy> Momentum() {
  FedAvgMOptions options{Base()};
  options.server_momentum = 0.9;
  return FedAvgM::Create(options).value();
}

DifferentialPrivacyFixedClippingOptions Fixed() {
  DifferentialPrivacyFixedClippingOptions options;
  options.noise_multiplier = 0.5;
  options.clipping_norm = 2;
  options.num_sampled_clients = 2;
  options.noise_seed = 7;
  return options;
}

DifferentialPrivacyAdaptiveClippingOptions Adaptive() {
  DifferentialPrivacyAdaptiveClippingOptions options;
  options.noise_multiplier = 0.5;
  options.clipped_count_stddev = 0.6;
  options.num_sampled_clients = 2;
  options.noise_seed = 7;
  return options;
}

std::shared_ptr<RdpAccountant> Accountant() {
  PrivacyConfig config;
  config.target_delta = 1e-5;
  config.population_size = 2;
  return RdpAccountant::Create(config).value();
}

TEST(DpResume, FixedClippingOnTheServer) {
  ExpectToGoOnAsIfNothingHadHappened([] {
    return DifferentialPrivacyServerSideFixedClipping::Create(Momentum(), Fixed()).value();
  });
}

TEST(DpResume, FixedClippingOnTheNodesWithAnAccountant) {
  ExpectToGoOnAsIfNothingHadHappened([] {
    DifferentialPrivacyFixedClippingOptions options = Fixed();
    options.accountant = Accountant();
    return DifferentialPrivacyClientSideFixedClipping::Create(FedAvg::Create(Base()).value(),
                                                              options)
        .value();
  });
}

TEST(DpResume, AdaptiveClippingOnTheServer) {
  ExpectToGoOnAsIfNothingHadHappened([] {
    return DifferentialPrivacyServerSideAdaptiveClipping::Create(Momentum(), Adaptive()).value();
  });
}

TEST(DpResume, AdaptiveClippingOnTheNodes) {
  ExpectToGoOnAsIfNothingHadHappened([] {
    return DifferentialPrivacyClientSideAdaptiveClipping::Create(FedAvg::Create(Base()).value(),
                                                                 Adaptive())
        .value();
  });
}

TEST(DpResume, NothingIsKeptWhereNothingMatters) {
  const auto strategy =
      DifferentialPrivacyServerSideFixedClipping::Create(FedAvg::Create(Base()).value(), Fixed())
          .value();

  EXPECT_TRUE(RunRounds(*strategy, 1, 2, {{1, -2, 3}, {}}).state.empty());
}

TEST(DpResume, TheRoundsHaveDifferentNoise) {
  const auto strategy =
      DifferentialPrivacyServerSideFixedClipping::Create(FedAvg::Create(Base()).value(), Fixed())
          .value();

  const Outcome one = RunRounds(*strategy, 1, 1, {{1, -2, 3}, {}});
  const Outcome two = RunRounds(*strategy, 2, 2, {{1, -2, 3}, {}});

  for (std::size_t i = 0; i < one.model.size(); ++i) EXPECT_NE(one.model[i], two.model[i]);
}

TEST(DpResume, ADamagedStateIsRefusedAndChangesNothing) {
  const auto strategy =
      DifferentialPrivacyServerSideAdaptiveClipping::Create(Momentum(), Adaptive()).value();
  const RecordDict good = RunRounds(*strategy, 1, 2, {{1, -2, 3}, {}}).state;
  const double norm = strategy->clipping_norm();
  const auto refused = [&](const std::string& name, std::optional<Record> record) {
    RecordDict state;
    for (const auto& [key, old] : good) {
      if (key != name) state.Set(key, old);
    }
    if (record.has_value()) state.Set(name, *record);
    const Status status = strategy->RestoreState(state);
    EXPECT_EQ(strategy->State(), good);
    EXPECT_EQ(strategy->clipping_norm(), norm);
    return status;
  };
  const std::string own = "differential-privacy";

  EXPECT_THAT(refused(own, std::nullopt), StatusIs(StatusCode::kInvalidArgument, own));
  EXPECT_THAT(refused(own, ConfigRecord()), StatusIs(StatusCode::kInvalidArgument, own));
  for (const double bad : {0.0, -1.0}) {
    EXPECT_THAT(refused(own, MetricRecord{{"clipping_norm", bad}}),
                StatusIs(StatusCode::kInvalidArgument, "'clipping_norm'"));
  }
  EXPECT_THAT(refused("stranger", ConfigRecord()),
              StatusIs(StatusCode::kInvalidArgument, "'stranger'"));
  EXPECT_THAT(refused("differential-privacy-accountant", ConfigRecord()),
              StatusIs(StatusCode::kInvalidArgument, "accountant"));
  EXPECT_THAT(refused("differential-privacy.momentum", ConfigRecord()),
              StatusIs(StatusCode::kInvalidArgument, "momentum"));
  EXPECT_THAT(strategy->RestoreState(good), IsOk());
  EXPECT_THAT(strategy->RestoreState({}), IsOk());
  EXPECT_EQ(strategy->clipping_norm(), 0.1);
}

TEST(DpResume, AStateWithADamagedAccountChangesNothing) {
  DifferentialPrivacyFixedClippingOptions options = Fixed();
  options.accountant = Accountant();
  const auto strategy =
      DifferentialPrivacyServerSideFixedClipping::Create(FedAvg::Create(Base()).value(), options)
          .value();
  RecordDict state = RunRounds(*strategy, 1, 2, {{1, -2, 3}, {}}).state;
  ConfigRecord account = *state.FindConfig("differential-privacy-accountant");
  account.Set("counts", std::vector<std::int64_t>{-2});
  state.Set("differential-privacy-accountant", account);

  EXPECT_THAT(strategy->RestoreState(state), StatusIs(StatusCode::kInvalidArgument, "count"));

  EXPECT_EQ(options.accountant->num_releases(), 2);
}

}  // namespace
}  // namespace flwrcpp
