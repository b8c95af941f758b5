// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/fedavgm.h"
#include "flwrcpp/workflow/secagg.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/secagg/workflow_fixture.h"

namespace flwrcpp {
namespace {

using testing::FakeGrid;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::SecAggFederation;
using testing::StatusIs;
using testing::Threshold;
using testing::TrainOnly;
using testing::TwoArrays;

namespace secagg = internal::secagg;

TEST(SecAggPlusWorkflow, GivesFedAvgThePlainMean) {
  SecAggFederation federation(4, 1);
  const auto train = federation.Train(Threshold(3));
  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->num_results, 4);
  EXPECT_EQ(federation.sampled, 4);
  EXPECT_THAT(train->failures, IsEmpty());
  federation.ExpectPlainMean(Threshold(3));
  EXPECT_EQ(train->metrics->GetDouble("loss").value(), 0.25);
}

TEST(SecAggPlusWorkflow, NodesGetTheModelAndTheConfigInClassicRecords) {
  SecAggFederation federation(3, 2);
  ASSERT_THAT(federation.Train(Threshold(2)), IsOk());
  for (const auto& [id, member] : federation.members) {
    EXPECT_EQ(member.client->received.item(0).first, "0");
    EXPECT_EQ(member.client->received.item(1).second, *TwoArrays({0, 0, 0, 0, 0}).Find("half"));
    EXPECT_EQ(member.client->received_config.GetInt("server-round").value(), 1);
  }
}

TEST(SecAggPlusWorkflow, NoModelLeavesANodeAsItIs) {
  SecAggFederation federation(3, 3);
  int masked = 0;
  federation.tamper = [&](std::uint64_t id, const std::string& stage, Message& reply) {
    if (stage != secagg::kCollectMaskedVectors) return;
    ++masked;
    for (const auto& [name, record] : reply.content()) {
      if (const auto* const arrays = std::get_if<ArrayRecord>(&record)) {
        EXPECT_THAT(*arrays, IsEmpty()) << name;
      }
    }
    // The weight is 1/1000 to 9/10 of the range, masked it can be anything below the modulus.
    const ConfigRecord& configs = *reply.content().FindConfig(secagg::kConfigs);
    const auto files = secagg::GetBytesList(configs, secagg::kMaskedParameters).value();
    const auto weight = Array::FromNpy(Bytes(files[0].value))->ToVector<std::int64_t>().value()[0];
    EXPECT_NE(weight,
              std::lrint(static_cast<double>(federation.members[id].examples) / 1000 * 4194304));
    const auto values = Array::FromNpy(Bytes(files[1].value))->ToVector<std::int64_t>().value();
    EXPECT_GT(*std::max_element(values.begin(), values.end()), 4194304);
  };
  ASSERT_THAT(federation.Train(Threshold(2)), IsOk());
  EXPECT_EQ(masked, 3);
}

TEST(SecAggPlusWorkflow, NodesCanTakePartInRoundAfterRound) {
  SecAggFederation federation(3, 4);
  for (int round = 0; round < 3; ++round) {
    const auto train = federation.Train(Threshold(2));
    ASSERT_THAT(train, IsOk());
    EXPECT_EQ(train->num_results, 3);
    federation.ExpectPlainMean(Threshold(2));
  }
}

/// A strategy that sends what a test wants.
class FixedStrategy : public FedAvg {
 public:
  explicit FixedStrategy(std::vector<Message> messages)
      : FedAvg({}), messages_(std::move(messages)) {}

  StatusOr<std::vector<Message>> ConfigureTrain(int, const ArrayRecord&, const ConfigRecord&, Grid&,
                                                std::stop_token) override {
    return messages_;
  }
  RecordDict State() const override { return {{"momenta", MetricRecord()}}; }
  Status RestoreState(const RecordDict& state) override {
    return state.empty() ? absl::OkStatus() : absl::DataLossError("these are not mine");
  }

 private:
  std::vector<Message> messages_;
};

std::unique_ptr<SecAggPlusWorkflow> Around(std::vector<Message> messages) {
  return SecAggPlusWorkflow::Create(std::make_unique<FixedStrategy>(std::move(messages)),
                                    Threshold(2))
      .value();
}

TEST(SecAggPlusWorkflow, RefusesInstructionsThatDoNotFit) {
  FakeGrid grid;
  auto content = std::make_shared<RecordDict>();
  content->Set("arrays", ArrayRecord());
  content->Set("config", ConfigRecord());
  const auto expect = [&](std::vector<Message> messages, const char* text) {
    EXPECT_THAT(Around(std::move(messages))->Start(grid, {}),
                StatusIs(StatusCode::kInvalidArgument, text));
  };
  expect({Message::Instruction(content, 5, "train.more")}, "train.more");
  expect({Message::Instruction(content, 5, "train"), Message::Instruction(content, 6, "evaluate")},
         "evaluate");
  expect({Message::Instruction(content, 5, "train"), Message::Instruction(content, 5, "train")},
         "two instructions for node 5");
  content->Set("more arrays", ArrayRecord());
  expect({Message::Instruction(content, 5, "train")}, "exactly one ArrayRecord");
  EXPECT_THAT(grid.sent, IsEmpty());
}

TEST(SecAggPlusWorkflow, IsTheOutermostStrategyOrNone) {
  FakeGrid grid;
  for (std::uint64_t id = 1; id <= 2; ++id) grid.AddNode(id, testing::FixedNode({1}, {}));
  const auto outer =
      SecAggPlusWorkflow::Create(SecAggPlusWorkflow::Create(TrainOnly(), Threshold(2)).value(),
                                 Threshold(2))
          .value();
  EXPECT_THAT(outer->Start(grid, {}),
              StatusIs(StatusCode::kFailedPrecondition, "outermost strategy"));
  EXPECT_THAT(grid.sent, IsEmpty());
  EXPECT_THAT(SecAggPlusWorkflow::Create(nullptr, Threshold(2)),
              StatusIs(StatusCode::kInvalidArgument, "no strategy"));
}

TEST(SecAggPlusWorkflow, HasTheStateOfTheInnerStrategy) {
  const auto workflow = Around({});
  EXPECT_EQ(workflow->State(), (RecordDict{{"momenta", MetricRecord()}}));
  EXPECT_THAT(workflow->RestoreState({}), IsOk());
  EXPECT_THAT(workflow->RestoreState({{"x", MetricRecord()}}), StatusIs(StatusCode::kDataLoss));
}

TEST(SecAggPlusWorkflow, ARoundThatAsksNobodyHasNoTraining) {
  FakeGrid grid;
  bool asked = true;
  StartOptions start;
  start.num_rounds = 1;
  start.on_round = [&](const RoundReport& report, const ArrayRecord&) {
    asked = report.train.has_value();
    return absl::OkStatus();
  };
  FedAvgOptions nothing;
  nothing.fraction_train = nothing.fraction_evaluate = 0;
  const auto workflow =
      SecAggPlusWorkflow::Create(FedAvg::Create(nothing).value(), Threshold(2)).value();
  ASSERT_THAT(workflow->Start(grid, std::move(start)), IsOk());
  EXPECT_FALSE(asked);
}

TEST(SecAggPlusWorkflow, EvaluationAndProgressAreAsEver) {
  SecAggFederation federation(3, 15);
  int evaluated = 0;
  FakeGrid grid;
  for (const auto& [id, member] : federation.members) {
    const auto node = member.node;
    grid.AddNode(id, [&, node](const Message& instruction) -> Message {
      if (instruction.metadata().message_type == "train") return node->Answer(instruction);
      ++evaluated;
      RecordDict content;
      content.Set("metrics", MetricRecord{{"num-examples", std::int64_t{1}}});
      return Message::ReplyTo(instruction, std::move(content));
    });
  }
  std::vector<std::string> progress;
  StartOptions start;
  start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
  start.num_rounds = 1;
  start.on_reply = [&](std::string_view phase, int received, int expected) {
    progress.push_back(fmt::format("{} {}/{}", phase, received, expected));
  };
  const auto workflow =
      SecAggPlusWorkflow::Create(FedAvg::Create({}).value(), Threshold(2)).value();
  ASSERT_THAT(workflow->Start(grid, std::move(start)), IsOk());
  EXPECT_EQ(evaluated, 3);
  EXPECT_THAT(progress, ::testing::ElementsAre("train 1/3", "train 2/3", "train 3/3",
                                               "evaluate 1/3", "evaluate 2/3", "evaluate 3/3"));
  for (const Metadata& sent : grid.sent) {
    if (sent.message_type == "train") {
      EXPECT_EQ(sent.group_id, "1");
    }
  }
}

TEST(SecAggPlusWorkflow, AStopEndsTheRound) {
  SecAggFederation federation(3, 13);
  std::stop_source stop;
  federation.grid.on_pull = [&] {
    if (federation.grid.sent.size() == 6) stop.request_stop();
  };
  federation.members.begin()->second.silent_in = secagg::kShareKeys;
  const auto workflow = SecAggPlusWorkflow::Create(TrainOnly(), Threshold(2)).value();
  StartOptions start;
  start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
  start.stop = stop.get_token();
  EXPECT_THAT(workflow->Start(federation.grid, std::move(start)), StatusIs(StatusCode::kCancelled));
}

TEST(SecAggPlusWorkflow, AStepOfTheMeanWorksOnIt) {
  SecAggFederation federation(3, 14);
  FedAvgMOptions options;
  options.server_learning_rate = 0.5;
  options.fraction_evaluate = 0;
  const auto workflow =
      SecAggPlusWorkflow::Create(FedAvgM::Create(options).value(), Threshold(2)).value();
  StartOptions start;
  start.initial_arrays = TwoArrays({1, 1, 1, 1, 1});
  start.num_rounds = 1;
  const auto result = workflow->Start(federation.grid, std::move(start));
  ASSERT_THAT(result, IsOk());
  const std::vector<double> mean = federation.PlainMean();
  const auto w = result->arrays.Find("w")->ToVector<float>().value();
  for (std::size_t k = 0; k < mean.size(); ++k) {
    EXPECT_NEAR(w[k], (1 + mean[k]) / 2, federation.Tolerance(Threshold(2)));
  }
}

}  // namespace
}  // namespace flwrcpp
