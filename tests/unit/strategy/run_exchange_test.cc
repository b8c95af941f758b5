// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "strategy/run_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/exchange_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using ::testing::SizeIs;

using ExchangeTest = ExchangeFixture;

TEST_F(ExchangeTest, WithoutOptionsALostNodeIsAFailure) {
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() == 1 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(2));
  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(1));
}

// The timeout of a round lets nodes work on, too; their replies must not stay at the SuperLink.
TEST_F(ExchangeTest, RepliesAfterTheTimeoutAreFetchedInALaterRoundAndLetGo) {
  options_.num_rounds = 2;
  options_.timeout = std::chrono::seconds(0);
  std::optional<Message> late;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (grid_.sent.size() == 1) {
      late = Good(instruction);
      return std::nullopt;
    }
    if (grid_.sent.size() == 3) grid_.Deliver(*late);
    return Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_EQ(reports_[1].train->num_results, 2);
  EXPECT_EQ(reports_[1].train->num_late, 1);
}

TEST_F(ExchangeTest, WaitsPastEmptyPullsUntilTheTimeout) {
  options_.timeout = std::chrono::hours(1);
  std::optional<Message> slow;
  answer_ = [&](const Message& instruction) -> std::optional<Message> {
    if (grid_.sent.size() == 1) return Good(instruction);
    slow = Good(instruction);
    return std::nullopt;
  };
  grid_.on_pull = [&] {
    if (grid_.pulls.size() == 4) grid_.Deliver(*slow);  // the second and the third were empty
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(reports_[0].train->num_results, 2);
  EXPECT_THAT(grid_.pulls, SizeIs(4));
}

/// Asks its nodes twice in a round, the second time exactly those that answered.
class TwoQuestions : public FedAvg {
 public:
  explicit TwoQuestions(FedAvgOptions options) : FedAvg(std::move(options)) {}

  StatusOr<std::optional<AggregateResult>> RunTrain(const TrainPhase& phase) override {
    StatusOr<std::vector<Message>> messages =
        ConfigureTrain(phase.server_round, phase.arrays, phase.config, phase.grid, phase.stop);
    if (!messages.ok()) return messages.status();
    const std::shared_ptr<const RecordDict> content = messages->front().shared_content();
    std::vector<Message> again;
    Status status = phase.exchange.FillPlaces(*std::move(messages), [&](Message reply) {
      again.push_back(Message::Instruction(content, reply.metadata().src_node_id, "train"));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    for (const Message& message : again) second.push_back(message.metadata().dst_node_id);
    const std::unique_ptr<Aggregator> aggregator = AggregateTrain(phase.server_round);
    status = phase.exchange.SendAndReceive(std::move(again), [&](Message reply) {
      aggregator->Add(std::move(reply));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    StatusOr<AggregateResult> result = aggregator->Finish();
    if (!result.ok()) return result.status();
    return *std::move(result);
  }

  std::vector<std::uint64_t> second;
};

TEST_F(ExchangeTest, ATrainPhaseOfSeveralExchangesKeepsToTheNodesItNames) {
  options_.over_selection = 0.5;
  options_.max_redispatches = 1;
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() == 4 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };
  TwoQuestions strategy(fedavg_);

  ASSERT_THAT(strategy.Start(grid_, std::move(options_)), IsOk());

  std::vector<std::uint64_t> asked = Asked();
  ASSERT_THAT(asked, SizeIs(5));  // two and a spare one, then two
  EXPECT_EQ(std::vector(asked.begin() + 3, asked.end()), strategy.second);
  EXPECT_EQ(reports_[0].sampled_train, 2);
  EXPECT_EQ(reports_[0].train->num_results, 1);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_THAT(progress_, ElementsAre("train 1/2", "train 2/2", "train 1/2", "train 2/2"));
}

}  // namespace
}  // namespace flwrcpp
