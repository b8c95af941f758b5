// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// What strategies with differential privacy ask of their accountant, and do for it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "flwrcpp/strategy/fedavgm.h"
#include "flwrcpp/strategy/fedprox.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/dp_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FixedNode;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Pair;
using testing::StatusIs;

using DpAccountantTest = DpFixture;

TEST_F(DpAccountantTest, TheAccountantCountsEachReleaseAndStopsBeforeTheBudget) {
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

TEST_F(DpAccountantTest, WithAnAccountantARoundOfFewerRepliesIsNotReleased) {
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

TEST_F(DpAccountantTest, WithAnAccountantWeightsMustBeEqualAndPositive) {
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

TEST_F(DpAccountantTest, WithAnAccountantANumberOfNodesThatDoesNotFitEndsTheRun) {
  FixedOptions options = Fixed(2);
  options.num_sampled_clients = 3;
  options.accountant = Accountant();
  const auto strategy = ServerFixed::Create(Average(), options).value();

  EXPECT_THAT(Round(*strategy), StatusIs(StatusCode::kFailedPrecondition, "asks 2 nodes"));
}

TEST_F(DpAccountantTest, TheAccountantWantsNoiseAndAPlainMean) {
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

}  // namespace
}  // namespace flwrcpp
