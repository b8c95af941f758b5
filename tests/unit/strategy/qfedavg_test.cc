// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/qfedavg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/support/failing_reply.h"
#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using testing::ComplexArrays;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Pair;
using testing::StatusIs;
using testing::TrainReply;
using testing::TrainRound;
using testing::Weights;
using testing::WeightsOf;
using testing::WeightsReply;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::unique_ptr<QFedAvg> MakeQFedAvg(double client_learning_rate, double q) {
  QFedAvgOptions options;
  options.client_learning_rate = client_learning_rate;
  options.q = q;
  return QFedAvg::Create(options).value();
}

MetricRecord Loss(double loss, std::int64_t examples = 1) {
  return {{"num-examples", examples}, {"train_loss", loss}};
}

TEST(QFedAvgTest, StepsByLossesAndDistances) {
  // L = 2. Node 1: s = √4 = 2, d = (2, 0), h = 0.5 / √4 * 4 + 2 * 2 = 5. Node 2: s = 1, d = (0, 2),
  // h = 0.5 * 4 + 2 = 4. So the step is (2 * 2, 1 * 2) / 9.
  const auto result =
      TrainRound(*MakeQFedAvg(0.5, 0.5), Weights({1, 2}),
                 {WeightsReply(1, {0, 2}, Loss(4, 30)), WeightsReply(2, {1, 1}, Loss(1, 10))});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 2);
  EXPECT_THAT(WeightsOf(*result->arrays),
              ElementsAre(FloatEq(1 - 4 / 9.0F), FloatEq(2 - 2 / 9.0F)));
  EXPECT_DOUBLE_EQ(result->metrics->GetDouble("train_loss").value(), (4 * 30 + 1 * 10) / 40.0);
}

TEST(QFedAvgTest, WithAQOfZeroItIsThePlainMean) {
  const auto result =
      TrainRound(*MakeQFedAvg(0.01, 0), Weights({7, 7}),
                 {WeightsReply(1, {0, 3}, Loss(100, 1000)), WeightsReply(2, {4, 4}, Loss(0, 1))});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(FloatEq(2), FloatEq(3.5)));
}

TEST(QFedAvgTest, ALossOfZeroCountsAsTheSmallNumberThatFlowerAdds) {
  // s = 1e-5, h = 0.5 / 1e-5 * 4 + 1e-5 with L = 1.
  const auto result =
      TrainRound(*MakeQFedAvg(1, 0.5), Weights({0}), {WeightsReply(1, {2}, Loss(0))});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(FloatEq(1e-5 * 2 / (0.5 / 1e-5 * 4 + 1e-5))));
}

TEST(QFedAvgTest, LossesAreFoundUnderTheirKey) {
  QFedAvgOptions options;
  options.client_learning_rate = 1;
  options.train_loss_key = "loss";
  const auto strategy = QFedAvg::Create(options).value();

  const auto result = TrainRound(
      *strategy, Weights({0}),
      {WeightsReply(1, {1}, {{"num-examples", std::int64_t{1}}, {"loss", std::int64_t{2}}})});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 1);
}

/// `reply` must be a failure with `text`.
void ExpectFailure(const TrainReply& reply, const std::string& text) {
  testing::ExpectFailure(*MakeQFedAvg(1, 0.1), Weights({0, 0}), reply,
                         {WeightsReply(8, {1, 2}, Loss(1))}, text);
}

TEST(QFedAvgTest, RepliesWithoutALossAreFailures) {
  ExpectFailure(WeightsReply(7, {1, 1}, {{"num-examples", std::int64_t{1}}}), "train_loss");
  ExpectFailure(
      WeightsReply(7, {1, 1},
                   {{"num-examples", std::int64_t{1}}, {"train_loss", std::vector<double>{0.5}}}),
      "train_loss");
  for (const double loss : {-0.5, kNaN, kInfinity}) {
    ExpectFailure(WeightsReply(7, {1, 1}, Loss(loss)), "expected a finite loss of at least 0");
  }
}

TEST(QFedAvgTest, RepliesThatCannotBeSteppedToAreFailures) {
  ExpectFailure(WeightsReply(7, {1, static_cast<float>(kNaN)}, Loss(1)), "is not finite");
  ExpectFailure(WeightsReply(7, {1, static_cast<float>(kInfinity)}, Loss(1)), "is not finite");
  ExpectFailure(WeightsReply(7, {1, 2, 3}, Loss(1)),
                "array 'w' has shape (3,), the global model has (2,)");
  ExpectFailure({7, ComplexArrays(2), Loss(1)}, "expected real numbers");
}

TEST(QFedAvgTest, LossesWithoutAnySayLeaveTheModel) {
  // (1e-10)^40 is 0 as a double.
  const auto result =
      TrainRound(*MakeQFedAvg(1, 40), Weights({0}), {WeightsReply(1, {2}, Loss(0))});

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_EQ(result->num_results, 1);
}

TEST(QFedAvgTest, KeysKeepTheOrderOfTheGlobalModel) {
  const auto model = [](const std::string& first, const std::string& second) {
    ArrayRecord arrays;
    arrays.Set(first, Array::From<float>({1}, {1}).value());
    arrays.Set(second, Array::From<float>({1}, {1}).value());
    return arrays;
  };

  const auto result =
      TrainRound(*MakeQFedAvg(1, 0.1), model("b", "a"), {{1, model("a", "b"), Loss(1)}});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(*result->arrays, model("b", "a"));
}

TEST(QFedAvgTest, IntegersBecomeFloat64) {
  ArrayRecord global;
  global.Set("w", Array::From<std::int64_t>({10}, {}).value());
  ArrayRecord local;
  local.Set("w", Array::From<std::int64_t>({13}, {}).value());

  const auto result = TrainRound(*MakeQFedAvg(1, 0), global, {{1, local, Loss(1)}});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->arrays->Find("w")->ToVector<double>().value(), std::vector<double>{13});
}

// Against the formula as the paper writes it, which sums up steps and not models; in float32, with
// what nodes send in practice: arrays of several blocks near the global model.
TEST(QFedAvgTest, LargeModelsStepAsThePaperSaysWithinTheRoundingOfFloat32) {
  constexpr std::size_t kCount = 3000;
  constexpr double kRate = 0.05;
  constexpr double kQ = 0.3;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> theta(kCount);
  for (float& value : theta) value = normal(random);
  std::vector<TrainReply> replies;
  std::vector<double> sum(kCount);
  double sum_h = 0;
  for (int k = 1; k <= 5; ++k) {
    std::vector<float> local = theta;
    for (float& value : local) value += 0.01F * normal(random);
    const double loss = 0.4 * k;
    double norm = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      const double d = (double{theta[i]} - double{local[i]}) / kRate;
      norm += d * d;
      sum[i] += std::pow(loss, kQ) * d;
    }
    sum_h += kQ * std::pow(loss, kQ - 1) * norm + std::pow(loss, kQ) / kRate;
    replies.push_back(WeightsReply(static_cast<std::uint64_t>(k), local, Loss(loss)));
  }

  const auto result = TrainRound(*MakeQFedAvg(kRate, kQ), Weights(theta), replies);

  ASSERT_THAT(result, IsOk());
  const std::vector<float> stepped = WeightsOf(*result->arrays);
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_NEAR(stepped[i], theta[i] - sum[i] / sum_h, 1e-6 * std::max(1.0F, std::abs(theta[i])));
  }
}

TEST(QFedAvgTest, RefusesNumbersOutOfRange) {
  EXPECT_THAT(QFedAvg::Create({}),
              StatusIs(StatusCode::kInvalidArgument, "QFedAvg: client_learning_rate is 0"));
  QFedAvgOptions options;
  options.client_learning_rate = 0.1;
  options.q = -1;
  EXPECT_THAT(QFedAvg::Create(options), StatusIs(StatusCode::kInvalidArgument, "QFedAvg: q is -1"));
  options.q = 1;
  options.train_loss_key = "";
  EXPECT_THAT(QFedAvg::Create(options),
              StatusIs(StatusCode::kInvalidArgument, "train_loss_key is empty"));
}

}  // namespace
}  // namespace flwrcpp
