// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/strategy/fedbuff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/make_strategy.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/fedbuff_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::IsOk;
using testing::Reply;
using ::testing::SizeIs;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

using FedBuffTest = FedBuffFixture;

TEST_F(FedBuffTest, UpdatesCountTheSameWhateverTheirExamplesUnlessTheyAreToBeWeighted) {
  for (const auto& [weight_by_examples, expected] :
       {std::pair(false, 3.0F), std::pair(true, 4.0F)}) {
    SCOPED_TRACE(weight_by_examples);
    fedbuff_.buffer_size = 2;
    fedbuff_.weight_by_examples = weight_by_examples;
    script_ = {Trained(1, 1, 10, 0.5), Trained(2, 5, 30, 1.5)};
    StartOptions options = options_;

    const auto result = FedBuff::Create(fedbuff_).value()->Start(grid_, options);

    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(WeightsOf(result->arrays), ElementsAre(expected));
    EXPECT_EQ(result->train_metrics_clientapp.at(1), (MetricRecord{{"loss", 1.25}}));
    work_.clear();
  }
}

TEST_F(FedBuffTest, TheServersLearningRateScalesTheStep) {
  fedbuff_.buffer_size = 2;
  fedbuff_.server_learning_rate = 0.25;
  options_.initial_arrays = Weights({10});
  script_ = {Trained(1, 1), Trained(2, 7)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(11));
}

/// Halves what it is given and adds its number, in arrays of several types.
std::optional<Message> Halve(const Message& instruction) {
  const auto id = static_cast<float>(instruction.metadata().dst_node_id);
  const ArrayRecord& given = *instruction.content().FindArrays("arrays");
  ArrayRecord arrays;
  std::vector<float> floats = given.Find("floats")->ToVector<float>().value();
  for (float& value : floats) value = value / 2 + 0.3F * id;
  arrays.Set("floats", Array::From(floats, {3}).value());
  std::vector<double> doubles = given.Find("doubles")->ToVector<double>().value();
  for (double& value : doubles) value = value / 2 + 0.7 * id;
  arrays.Set("doubles", Array::From(doubles, {1, 2}).value());
  const auto number = static_cast<std::int64_t>(instruction.metadata().dst_node_id);
  arrays.Set("count", Array::From(std::vector<std::int64_t>{100 * number}, {}).value());
  return Reply(instruction, std::move(arrays), {{"num-examples", 10 * number}});
}

TEST_F(FedBuffTest, IsFedAvgWhereTheBufferHoldsEachNodeOnceAndNoUpdateIsStale) {
  ArrayRecord initial;
  initial.Set("floats", Array::From(std::vector<float>{1, -2.5, 1e-3F}, {3}).value());
  initial.Set("doubles", Array::From(std::vector<double>{0.1, 1e6}, {1, 2}).value());
  initial.Set("count", Array::From(std::vector<std::int64_t>{7}, {}).value());
  FedAvgOptions common;
  common.fraction_evaluate = 0;
  fedbuff_ = FedBuffOptions{common};
  fedbuff_.buffer_size = 3;
  fedbuff_.weight_by_examples = true;
  fedbuff_.max_staleness = 0;
  StartOptions options;
  options.initial_arrays = initial;
  options.num_rounds = 4;
  std::vector<ArrayRecord> averages;
  std::vector<int> late;
  options.on_round = [&](const RoundReport& report, const ArrayRecord& arrays) {
    averages.push_back(arrays);
    late.push_back(report.train->num_late);
    return absl::OkStatus();
  };
  grid_.on_pull = nullptr;
  for (const std::uint64_t id : {1, 2, 3}) grid_.AddNode(id, Halve);

  ASSERT_THAT(FedAvg::Create(common).value()->Start(grid_, options), IsOk());
  ASSERT_THAT(FedBuff::Create(fedbuff_).value()->Start(grid_, options), IsOk());

  ASSERT_THAT(averages, SizeIs(8));
  for (std::size_t round = 0; round < 4; ++round) {
    SCOPED_TRACE(round);
    const ArrayRecord& expected = averages[round];
    const ArrayRecord& actual = averages[4 + round];
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(actual.item(i).first, expected.item(i).first);
      EXPECT_EQ(actual.item(i).second.dtype(), expected.item(i).second.dtype());
      EXPECT_EQ(actual.item(i).second.shape(), expected.item(i).second.shape());
    }
    // An update is rounded once more than what it is made of: some units in the last place.
    const auto floats = actual.Find("floats")->ToVector<float>().value();
    for (std::size_t i = 0; i < floats.size(); ++i) {
      EXPECT_NEAR(floats[i], expected.Find("floats")->ToVector<float>().value()[i], 1e-6);
    }
    const auto doubles = actual.Find("doubles")->ToVector<double>().value();
    for (std::size_t i = 0; i < doubles.size(); ++i) {
      EXPECT_NEAR(doubles[i], expected.Find("doubles")->ToVector<double>().value()[i], 1e-8);
    }
    EXPECT_NEAR(actual.Find("count")->ToVector<double>().value()[0],
                expected.Find("count")->ToVector<double>().value()[0], 1e-12);
  }
  // Who answered before the buffer was full was asked once more: those updates are stale.
  EXPECT_THAT(std::vector(late.begin() + 4, late.end()), ElementsAre(0, 2, 2, 2));
}

TEST_F(FedBuffTest, ReportsHowFullTheBufferIs) {
  fedbuff_.buffer_size = 2;
  std::vector<std::string> progress;
  options_.on_reply = [&](std::string_view phase, int received, int expected) {
    progress.push_back(std::string(phase) + " " + std::to_string(received) + "/" +
                       std::to_string(expected));
  };
  script_ = {Trained(1, 1), Trained(2, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(progress, ElementsAre("train 1/2", "train 2/2"));
}

TEST_F(FedBuffTest, ARunBeginsWithoutTheWorkOfAnEarlierOne) {
  const auto strategy = FedBuff::Create(fedbuff_).value();
  options_.num_rounds = 2;
  script_ = {Trained(1, 1), Trained(1, 1)};
  ASSERT_THAT(strategy->Start(grid_, options_), IsOk());
  EXPECT_TRUE(strategy->State().empty());

  options_.first_round = 3;
  options_.num_rounds = 3;
  options_.initial_arrays = Weights({2});
  const std::size_t sent = grid_.sent.size();
  work_.clear();
  script_ = {Trained(2, 4)};
  ASSERT_THAT(strategy->Start(grid_, options_), IsOk());

  EXPECT_EQ(grid_.sent.size(), sent + 2);
  EXPECT_THAT(models_, ElementsAre(1, 2, 6));
}

TEST_F(FedBuffTest, CannotBeWrapped) {
  EXPECT_THAT(FedBuff::Create(fedbuff_).value()->ConfigureTrain(1, Weights({0}), {}, grid_, {}),
              StatusIs(StatusCode::kFailedPrecondition, "wrap"));
}

TEST_F(FedBuffTest, RefusesSettingsOutOfRange) {
  const auto refuses = [](const std::string& name,
                          const std::function<void(FedBuffOptions&)>& set) {
    FedBuffOptions options;
    set(options);
    EXPECT_THAT(FedBuff::Create(options),
                StatusIs(StatusCode::kInvalidArgument, "FedBuff: " + name));
  };
  refuses("buffer_size", [](FedBuffOptions& options) { options.buffer_size = 0; });
  refuses("concurrency", [](FedBuffOptions& options) { options.concurrency = -1; });
  refuses("server_learning_rate", [](FedBuffOptions& o) { o.server_learning_rate = 0; });
  refuses("staleness_exponent", [](FedBuffOptions& o) { o.staleness_exponent = -0.5; });
  refuses("staleness_exponent", [](FedBuffOptions& o) { o.staleness_exponent = std::nan(""); });
  refuses("max_staleness", [](FedBuffOptions& options) { options.max_staleness = -1; });
  refuses("fraction_train", [](FedBuffOptions& options) { options.fraction_train = 2; });
}

TEST_F(FedBuffTest, IsMadeByName) {
  const auto strategy = MakeStrategy("fedbuff", {},
                                     {{"buffer-size", std::int64_t{4}},
                                      {"concurrency", std::int64_t{8}},
                                      {"server-learning-rate", 0.5},
                                      {"staleness-exponent", 1.0},
                                      {"max-staleness", std::int64_t{20}},
                                      {"weight-by-examples", true}});

  ASSERT_THAT(strategy, IsOk());
  const std::vector<std::string> summary = (*strategy)->Summary();
  EXPECT_THAT(summary, Contains("FedBuff: buffer_size 4, concurrency 8, server_learning_rate 0.5"));
  EXPECT_THAT(summary, Contains("staleness_exponent 1, max_staleness 20, weight_by_examples true"));
  EXPECT_THAT(MakeStrategy("FedBuff", {}, {{"weight_by_examples", 1.5}}),
              StatusIs(StatusCode::kInvalidArgument, "weight_by_examples"));
}

}  // namespace
}  // namespace flwrcpp
