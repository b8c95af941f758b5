// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/dp_strategy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/log.h"
#include "flwrcpp/strategy/dp_adaptive_clipping.h"
#include "flwrcpp/strategy/dp_fixed_clipping.h"
#include "flwrcpp/strategy/fedavgm.h"
#include "flwrcpp/strategy/fedprox.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using testing::FixedNode;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;
using testing::Reply;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using ServerFixed = DifferentialPrivacyServerSideFixedClipping;
using ClientFixed = DifferentialPrivacyClientSideFixedClipping;
using ServerAdaptive = DifferentialPrivacyServerSideAdaptiveClipping;
using ClientAdaptive = DifferentialPrivacyClientSideAdaptiveClipping;
using FixedOptions = DifferentialPrivacyFixedClippingOptions;
using AdaptiveOptions = DifferentialPrivacyAdaptiveClippingOptions;

FedAvgOptions TwoNodes() {
  FedAvgOptions options;
  options.fraction_evaluate = 0;
  return options;
}

std::unique_ptr<Strategy> Average() { return FedAvg::Create(TwoNodes()).value(); }

FixedOptions Fixed(double noise_multiplier = 0, double clipping_norm = 5) {
  FixedOptions options;
  options.noise_multiplier = noise_multiplier;
  options.clipping_norm = clipping_norm;
  options.num_sampled_clients = 2;
  options.noise_seed = 1;
  return options;
}

AdaptiveOptions Adaptive(double noise_multiplier = 0) {
  AdaptiveOptions options;
  options.noise_multiplier = noise_multiplier;
  options.num_sampled_clients = 2;
  options.noise_seed = 1;
  return options;
}

MetricRecord Metrics(std::int64_t num_examples = 10) { return {{"num-examples", num_examples}}; }

MetricRecord WithBit(std::int64_t bit) {
  return {{"num-examples", std::int64_t{10}}, {"norm_bit", bit}};
}

std::shared_ptr<RdpAccountant> Accountant(std::optional<double> max_epsilon = std::nullopt) {
  PrivacyConfig config;
  config.target_delta = 1e-5;
  config.population_size = 20;
  config.max_epsilon = max_epsilon;
  return RdpAccountant::Create(config).value();
}

/// Keeps the warnings while it lives.
class Warnings {
 public:
  Warnings() {
    SetLogSink([this](LogLevel level, std::string_view line) {
      if (level == LogLevel::kWarning) lines_.emplace_back(line);
    });
  }
  ~Warnings() { SetLogSink({}); }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

/// One round over two nodes, from the model (0, 0).
class DpStrategyTest : public ::testing::Test {
 protected:
  DpStrategyTest() {
    // The first update is 10 long, the second one 1.
    grid_.AddNode(1, FixedNode({6, 8}, Metrics()));
    grid_.AddNode(2, FixedNode({0, 1}, Metrics()));
  }

  StatusOr<AggregateResult> Round(Strategy& strategy, int server_round = 1) {
    auto messages = strategy.ConfigureTrain(server_round, global_, config_, grid_, {});
    if (!messages.ok()) return messages.status();
    const auto aggregator = strategy.AggregateTrain(server_round);
    const Status status = grid_.SendAndReceive(*std::move(messages), std::chrono::milliseconds(50),
                                               [&](Message reply) {
                                                 aggregator->Add(std::move(reply));
                                                 return absl::OkStatus();
                                               },
                                               {});
    if (!status.ok()) return status;
    return aggregator->Finish();
  }

  FakeGrid grid_;
  ArrayRecord global_ = Weights({0, 0});
  ConfigRecord config_;
};

TEST_F(DpStrategyTest, TheServerClipsWhatIsLongerThanTheNorm) {
  const auto strategy = ServerFixed::Create(Average(), Fixed()).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(1.5F, 2.5F));  // of (3, 4) and (0, 1)
  EXPECT_EQ(result->num_results, 2);
}

TEST_F(DpStrategyTest, NodesThatClipGetTheNormAndAreAveragedAsTheyAre) {
  std::vector<double> norms;
  grid_.AddNode(1, [&](const Message& instruction) {
    norms.push_back(instruction.content().FindConfig("config")->GetDouble("clipping_norm").value());
    return Reply(instruction, Weights({6, 8}), Metrics());
  });
  const auto strategy = ClientFixed::Create(Average(), Fixed()).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3, 4.5F));
  EXPECT_THAT(norms, ElementsAre(5));
}

TEST_F(DpStrategyTest, NodesOfAServerThatClipsAreToldNoNorm) {
  bool told = true;
  grid_.AddNode(1, [&](const Message& instruction) {
    told = instruction.content().FindConfig("config")->contains("clipping_norm");
    return Reply(instruction, Weights({6, 8}), Metrics());
  });

  ASSERT_THAT(Round(*ServerFixed::Create(Average(), Fixed()).value()), IsOk());

  EXPECT_FALSE(told);
}

/// The noise of a round in which nobody changes anything, and its standard deviation: the mean has
/// a bias of 0, and its error is far below the bound.
double NoiseOf(Strategy& strategy, std::vector<float>* noise = nullptr) {
  constexpr std::size_t kCount = 50'000;
  FakeGrid grid;
  const std::vector<float> zeros(kCount);
  for (const std::uint64_t node : {1U, 2U}) grid.AddNode(node, FixedNode(zeros, WithBit(0)));
  auto messages = strategy.ConfigureTrain(1, Weights(zeros), {}, grid, {}).value();
  const auto aggregator = strategy.AggregateTrain(1);
  for (const Message& message : messages) {
    aggregator->Add(Reply(message, Weights(zeros), WithBit(0)));
  }
  const std::vector<float> values = WeightsOf(*aggregator->Finish().value().arrays);
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  if (noise != nullptr) *noise = values;
  return std::sqrt(sum / kCount);
}

/// 5.5 standard deviations of the standard deviation of 50,000 numbers, relative.
constexpr double kNoiseTolerance = 5.5 * 0.0031623;

TEST(DpNoise, IsMultiplierTimesNormByNumberOfClients) {
  for (const auto& [multiplier, norm] : {std::pair(1.0, 5.0), std::pair(0.5, 0.25)}) {
    const double expected = multiplier * norm / 2;
    const FixedOptions options = Fixed(multiplier, norm);
    EXPECT_NEAR(NoiseOf(*ServerFixed::Create(Average(), options).value()), expected,
                expected * kNoiseTolerance);
    EXPECT_NEAR(NoiseOf(*ClientFixed::Create(Average(), options).value()), expected,
                expected * kNoiseTolerance);
  }
}

TEST(DpNoise, IsThatOfTheNormWhichTheUpdatesWereClippedTo) {
  AdaptiveOptions options = Adaptive(1);
  options.clipped_count_stddev = 0.75;
  options.initial_clipping_norm = 0.1;
  options.clip_norm_lr = 3;  // so that the next norm is far away
  const double expected = 1 / std::sqrt(1 - 1 / 2.25) * 0.1 / 2;
  const auto server = ServerAdaptive::Create(Average(), options).value();
  const auto client = ClientAdaptive::Create(Average(), options).value();

  EXPECT_NEAR(NoiseOf(*server), expected, expected * kNoiseTolerance);
  EXPECT_NEAR(NoiseOf(*client), expected, expected * kNoiseTolerance);

  EXPECT_GT(std::abs(std::log(server->clipping_norm() / 0.1)), 0.5);
}

TEST(DpNoise, IsNeverTheSameWithoutASeed) {
  FixedOptions options = Fixed(1);
  options.noise_seed.reset();
  std::vector<float> one;
  std::vector<float> two;
  NoiseOf(*ServerFixed::Create(Average(), options).value(), &one);
  NoiseOf(*ServerFixed::Create(Average(), options).value(), &two);

  EXPECT_NE(one, two);
}

TEST(DpNoise, OfTheCountHasItsStandardDeviation) {
  AdaptiveOptions options = Adaptive(0);
  options.clipped_count_stddev = 3;
  options.clip_norm_lr = 1;
  options.target_clipped_quantile = 0;
  FakeGrid grid;
  for (const std::uint64_t node : {1U, 2U}) grid.AddNode(node, nullptr);
  const auto strategy = ClientAdaptive::Create(Average(), options).value();
  constexpr int kRounds = 4000;
  double sum = 0;
  double squares = 0;
  for (int round = 1; round <= kRounds; ++round) {
    const double before = strategy->clipping_norm();
    const auto messages = strategy->ConfigureTrain(round, Weights({0}), {}, grid, {}).value();
    const auto aggregator = strategy->AggregateTrain(round);
    aggregator->Add(Reply(messages[0], Weights({0}), WithBit(1)));
    aggregator->Add(Reply(messages[1], Weights({0}), WithBit(0)));
    ASSERT_THAT(aggregator->Finish(), IsOk());
    // log C' − log C = −(1 + noise) / 2
    const double noise = -2 * std::log(strategy->clipping_norm() / before) - 1;
    sum += noise;
    squares += noise * noise;
    // The norm is a random walk; a new strategy would begin with the same numbers.
    ASSERT_THAT(strategy->RestoreState({}), IsOk());
  }
  EXPECT_NEAR(sum / kRounds, 0, 5.5 * 3 / std::sqrt(kRounds));
  EXPECT_NEAR(squares / kRounds, 9, 5.5 * 9 * std::sqrt(2.0 / kRounds));
}

TEST_F(DpStrategyTest, ARoundWithAnErrorIsNotAggregated) {
  grid_.AddNode(2, [](const Message& instruction) {
    return Message::ErrorReplyTo(instruction, Error{2, "broken"});
  });
  FedAvgMOptions with_momentum{TwoNodes()};
  with_momentum.server_momentum = 0.9;
  const auto strategy =
      ServerAdaptive::Create(FedAvgM::Create(with_momentum).value(), Adaptive()).value();
  const Warnings warnings;

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_FALSE(result->metrics.has_value());
  EXPECT_THAT(result->failures, ElementsAre(Pair(2, HasSubstr("node 2: error 2"))));
  EXPECT_EQ(result->num_results, 1);
  EXPECT_EQ(strategy->clipping_norm(), 0.1);
  EXPECT_THAT(strategy->State(), IsEmpty());
  EXPECT_THAT(warnings.lines(), ElementsAre(HasSubstr("round 1 is not aggregated")));
  grid_.AddNode(2, FixedNode({0, 1}, Metrics()));
  EXPECT_TRUE(Round(*strategy, 2)->arrays.has_value());
}

TEST_F(DpStrategyTest, UpdatesThatCannotBeClippedAreFailures) {
  const auto two_records = [](const Message& instruction) {
    RecordDict content;
    content.Set("arrays", Weights({1, 2}));
    content.Set("more", Weights({1, 2}));
    content.Set("metrics", Metrics());
    return Message::ReplyTo(instruction, content);
  };
  const auto no_arrays = [](const Message& instruction) {
    RecordDict content;
    content.Set("metrics", Metrics());
    return Message::ReplyTo(instruction, content);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto& [node, text] : std::vector<std::pair<FakeGrid::Node, std::string>>{
           {FixedNode({nan, 1}, Metrics()), "ArrayRecord 'arrays': array 'w': the norm"},
           {FixedNode({infinity, 1}, Metrics()), "array 'w': the norm"},
           {FixedNode({1}, Metrics()), "array 'w' has shape (1,)"},
           {two_records, "exactly one ArrayRecord, got 2"},
           {no_arrays, "exactly one ArrayRecord, got 0"}}) {
    grid_.AddNode(1, node);
    const auto strategy = ServerFixed::Create(Average(), Fixed(1)).value();

    const StatusOr<AggregateResult> result = Round(*strategy);

    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->arrays.has_value());
    EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr(text))));
  }
}

TEST_F(DpStrategyTest, NodesThatClipCannotSendNanEither) {
  grid_.AddNode(1, FixedNode({std::numeric_limits<float>::quiet_NaN(), 1}, Metrics()));
  const auto strategy = ClientFixed::Create(Average(), Fixed(1)).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("array 'w' holds NaN or infinity"))));
}

TEST_F(DpStrategyTest, ANormBitThatIsMissingOrNoNumberIsAFailure) {
  grid_.AddNode(2, FixedNode({0, 1}, WithBit(0)));
  for (const MetricRecord& metrics :
       {Metrics(), MetricRecord{{"num-examples", std::int64_t{10}}, {"norm_bit", kNan}},
        MetricRecord{{"num-examples", std::int64_t{10}},
                     {"norm_bit", std::vector<std::int64_t>{1}}}}) {
    grid_.AddNode(1, FixedNode({0, 1}, metrics));
    const auto strategy = ClientAdaptive::Create(Average(), Adaptive()).value();

    const StatusOr<AggregateResult> result = Round(*strategy);

    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->arrays.has_value());
    EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("'norm_bit'"))));
    EXPECT_EQ(strategy->clipping_norm(), 0.1);
  }
}

TEST_F(DpStrategyTest, AnotherNumberOfRepliesIsAWarning) {
  grid_.AddNode(2, [](const Message&) { return std::nullopt; });
  const auto strategy = ServerFixed::Create(Average(), Fixed()).value();
  const Warnings warnings;

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(3, 4));
  EXPECT_THAT(warnings.lines(), ElementsAre(HasSubstr("1 usable replies in round 1")));
}

TEST_F(DpStrategyTest, ARoundWithoutRepliesLeavesTheNorm) {
  for (const std::uint64_t node : {1U, 2U}) {
    grid_.AddNode(node, [](const Message&) { return std::nullopt; });
  }
  const auto strategy = ServerAdaptive::Create(Average(), Adaptive()).value();

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_EQ(strategy->clipping_norm(), 0.1);
  EXPECT_THAT(strategy->State(), IsEmpty());
}

TEST_F(DpStrategyTest, ANormThatWouldVanishStays) {
  AdaptiveOptions options = Adaptive();
  options.clip_norm_lr = 1e6;
  const auto strategy = ServerAdaptive::Create(Average(), options).value();
  grid_.AddNode(2, FixedNode({6, 8}, Metrics()));
  const Warnings warnings;

  ASSERT_THAT(Round(*strategy), IsOk());

  EXPECT_EQ(strategy->clipping_norm(), 0.1);
  EXPECT_THAT(warnings.lines(), ElementsAre(HasSubstr("the clipping norm stays 0.1")));
}

TEST_F(DpStrategyTest, TheAccountantCountsEachReleaseAndStopsBeforeTheBudget) {
  FixedOptions options = Fixed(2);
  options.accountant = Accountant();
  const auto unlimited = ServerFixed::Create(Average(), options).value();
  ASSERT_THAT(Round(*unlimited, 1), IsOk());
  ASSERT_THAT(Round(*unlimited, 2), IsOk());
  EXPECT_EQ(options.accountant->num_releases(), 2);
  const double two_rounds = options.accountant->GetPrivacySpent().epsilon;

  options.accountant = Accountant(two_rounds);
  const auto limited = ClientFixed::Create(Average(), options).value();
  ASSERT_THAT(Round(*limited, 1), IsOk());
  ASSERT_THAT(Round(*limited, 2), IsOk());
  const std::size_t sent = grid_.sent.size();

  EXPECT_THAT(Round(*limited, 3), StatusIs(StatusCode::kResourceExhausted, "max_epsilon"));

  EXPECT_EQ(grid_.sent.size(), sent);
  EXPECT_EQ(options.accountant->GetPrivacySpent().epsilon, two_rounds);
}

TEST_F(DpStrategyTest, WithAnAccountantARoundOfFewerRepliesIsNotReleased) {
  FixedOptions options = Fixed(2);
  options.accountant = Accountant();
  const auto strategy = ServerFixed::Create(Average(), options).value();
  grid_.AddNode(2, [](const Message&) { return std::nullopt; });

  const StatusOr<AggregateResult> result = Round(*strategy);

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_FALSE(result->metrics.has_value());
  EXPECT_EQ(options.accountant->num_releases(), 0);
}

TEST_F(DpStrategyTest, WithAnAccountantWeightsMustBeEqualAndPositive) {
  FixedOptions options = Fixed(2);
  options.accountant = Accountant();
  const auto strategy = ServerFixed::Create(Average(), options).value();

  grid_.AddNode(1, FixedNode({6, 8}, Metrics(11)));
  EXPECT_THAT(Round(*strategy), StatusIs(StatusCode::kFailedPrecondition, "'num-examples'"));
  for (const MetricRecord& metrics : {Metrics(0), Metrics(-1), MetricRecord()}) {
    grid_.AddNode(1, FixedNode({6, 8}, metrics));
    const StatusOr<AggregateResult> result = Round(*strategy);
    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->arrays.has_value());
    EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr("'num-examples'"))));
  }
  EXPECT_EQ(options.accountant->num_releases(), 0);
}

TEST_F(DpStrategyTest, WithAnAccountantANumberOfNodesThatDoesNotFitEndsTheRun) {
  FixedOptions options = Fixed(2);
  options.num_sampled_clients = 3;
  options.accountant = Accountant();
  const auto strategy = ServerFixed::Create(Average(), options).value();

  EXPECT_THAT(Round(*strategy), StatusIs(StatusCode::kFailedPrecondition, "asks 2 nodes"));
}

TEST_F(DpStrategyTest, TheAccountantWantsNoiseAndAPlainMean) {
  FixedOptions options = Fixed(2);
  options.accountant = Accountant();

  EXPECT_THAT(ServerFixed::Create(FedProx::Create({TwoNodes()}).value(), options), IsOk());
  EXPECT_THAT(ServerFixed::Create(FedAvgM::Create({TwoNodes()}).value(), options),
              StatusIs(StatusCode::kInvalidArgument, "FedAvg or FedProx"));
  options.num_sampled_clients = 21;
  EXPECT_THAT(ServerFixed::Create(Average(), options),
              StatusIs(StatusCode::kInvalidArgument, "population_size"));
  options = Fixed(0);
  options.accountant = Accountant();
  EXPECT_THAT(ClientFixed::Create(Average(), options),
              StatusIs(StatusCode::kInvalidArgument, "wants noise"));
}

TEST(DpOptions, OutOfRangeAreRefusedByName) {
  EXPECT_THAT(ServerFixed::Create(nullptr, Fixed()),
              StatusIs(StatusCode::kInvalidArgument,
                       "DifferentialPrivacyServerSideFixedClipping: expected a strategy"));
  EXPECT_THAT(ClientAdaptive::Create(nullptr, Adaptive()),
              StatusIs(StatusCode::kInvalidArgument,
                       "DifferentialPrivacyClientSideAdaptiveClipping: expected a strategy"));
  const auto fixed = [](auto change) {
    FixedOptions options = Fixed();
    change(options);
    return ClientFixed::Create(Average(), options).status();
  };
  for (const double bad : {-1.0, kNan, std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(fixed([&](FixedOptions& o) { o.noise_multiplier = bad; }),
                StatusIs(StatusCode::kInvalidArgument, "noise_multiplier"));
    EXPECT_THAT(fixed([&](FixedOptions& o) { o.clipping_norm = bad; }),
                StatusIs(StatusCode::kInvalidArgument, "clipping_norm"));
  }
  EXPECT_THAT(fixed([](FixedOptions& o) { o.clipping_norm = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "clipping_norm"));
  EXPECT_THAT(fixed([](FixedOptions& o) { o.num_sampled_clients = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "num_sampled_clients"));
  EXPECT_THAT(ClientFixed::Create(Average(), {}),
              StatusIs(StatusCode::kInvalidArgument, "noise_multiplier"));

  const auto adaptive = [](auto change) {
    AdaptiveOptions options = Adaptive();
    change(options);
    return ServerAdaptive::Create(Average(), options).status();
  };
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.noise_multiplier = -1; }),
              StatusIs(StatusCode::kInvalidArgument, "noise_multiplier"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.num_sampled_clients = -2; }),
              StatusIs(StatusCode::kInvalidArgument, "num_sampled_clients"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.initial_clipping_norm = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "initial_clipping_norm"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.clip_norm_lr = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "clip_norm_lr"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.clipped_count_stddev = -1; }),
              StatusIs(StatusCode::kInvalidArgument, "clipped_count_stddev"));
  for (const double bad : {-0.1, 1.1, kNan}) {
    EXPECT_THAT(adaptive([&](AdaptiveOptions& o) { o.target_clipped_quantile = bad; }),
                StatusIs(StatusCode::kInvalidArgument, "target_clipped_quantile"));
  }
  // 2 / 20 is too little for a multiplier of 0.2 or more.
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.noise_multiplier = 0.2; }),
              StatusIs(StatusCode::kInvalidArgument, "clipped_count_stddev"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.noise_multiplier = 0.19; }), IsOk());
}

}  // namespace
}  // namespace flwrcpp
