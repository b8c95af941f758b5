// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// What a round does about lost nodes, seen through FedAvg.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/exchange_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;
using testing::Weights;

using RedispatchTest = ExchangeFixture;

TEST_F(RedispatchTest, ThePlaceOfALostNodeIsTakenByAnIdleOne) {
  options_.max_redispatches = 1;
  const RecordDict* content = nullptr;
  answer_ = [&](const Message& instruction) {
    if (content == nullptr) content = &instruction.content();
    EXPECT_EQ(&instruction.content(), content) << "the content is not the same one";
    return grid_.sent.size() == 1 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  const std::vector<std::uint64_t> asked = Asked();
  ASSERT_THAT(asked, SizeIs(3));
  EXPECT_EQ(std::set(asked.begin(), asked.end()).size(), 3u) << "a node has two parts in the round";
  EXPECT_EQ(reports_[0].sampled_train, 2);
  EXPECT_EQ(reports_[0].train->num_results, 2);
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_EQ(reports_[0].train->failures[0].first, asked[0]);
  EXPECT_THAT(progress_, ElementsAre("train 1/2", "train 2/2"));
}

TEST_F(RedispatchTest, OnlyLossesAreMadeUpFor) {
  for (const auto& [code, expected] :
       {std::pair(ErrorCode::kMessageUnavailable, 3u),
        std::pair(ErrorCode::kReplyMessageUnavailable, 3u),
        std::pair(ErrorCode::kNodeUnavailable, 3u), std::pair(ErrorCode::kClientAppCrashed, 3u),
        std::pair(ErrorCode::kUnknown, 2u), std::pair(ErrorCode::kLoadClientAppException, 2u),
        std::pair(ErrorCode::kClientAppRaisedException, 2u),
        std::pair(ErrorCode::kModFailedPrecondition, 2u)}) {
    SCOPED_TRACE(ErrorCodeName(static_cast<std::int64_t>(code)));
    grid_.sent.clear();
    answer_ = [&, code = code](const Message& instruction) {
      return grid_.sent.size() == 1 ? Fail(instruction, code) : Good(instruction);
    };
    StartOptions options;
    options.initial_arrays = Weights({0});
    options.num_rounds = 1;
    options.max_redispatches = 1;
    ASSERT_THAT(FedAvg::Create(fedavg_).value()->Start(grid_, options), IsOk());
    EXPECT_THAT(Asked(), SizeIs(expected));
  }
}

TEST_F(RedispatchTest, APlaceThatIsLostAgainAndAgainIsGivenUp) {
  for (std::uint64_t id = 5; id <= 9; ++id) AddNode(id);
  fedavg_.fraction_train = 0.12;  // one node
  options_.max_redispatches = 2;
  answer_ = [&](const Message& instruction) {
    return Fail(instruction, ErrorCode::kNodeUnavailable);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(3));
  EXPECT_EQ(reports_[0].train->num_results, 0);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(3));
  EXPECT_THAT(progress_, ElementsAre("train 1/1"));
}

TEST_F(RedispatchTest, WhereNoNodeIsIdleThePlaceIsLost) {
  options_.max_redispatches = 5;
  options_.timeout.reset();
  fedavg_.fraction_train = 1;
  answer_ = [&](const Message& instruction) {
    return NodeOf(instruction) == 2 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                    : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(reports_[0].train->num_results, 3);
  EXPECT_THAT(reports_[0].train->failures, SizeIs(1));
}

TEST_F(RedispatchTest, APlaceThatOnlyAGhostCouldTakeIsLost) {
  fedavg_.fraction_train = 0.25;  // one node
  options_.max_redispatches = 3;
  options_.timeout = std::chrono::seconds(0);
  answer_ = [&](const Message& instruction) {
    for (std::uint64_t id = 1; id <= 4; ++id) {
      if (id != NodeOf(instruction)) grid_.RemoveNode(id);
    }
    grid_.ghosts = {9};
    return Fail(instruction, ErrorCode::kNodeUnavailable);
  };

  ASSERT_THAT(Start(), IsOk());

  ASSERT_THAT(Asked(), SizeIs(2));
  EXPECT_EQ(Asked()[1], 9u);
  EXPECT_THAT(progress_, ElementsAre("train 1/1")) << "the round waited for nobody";
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_THAT(reports_[0].train->failures[0].second, Not(HasSubstr("its place was given")));
}

TEST_F(RedispatchTest, AMessageThatWasRefusedIsALoss) {
  for (const std::uint64_t id : {1, 2}) grid_.RemoveNode(id);
  grid_.ghosts = {1, 2};
  options_.max_redispatches = 2;
  options_.num_rounds = 6;  // both ghosts are chosen at some time

  ASSERT_THAT(Start(), IsOk());

  int lost = 0;
  for (const RoundReport& report : reports_) {
    EXPECT_EQ(report.train->num_results, 2);
    lost += static_cast<int>(report.train->failures.size());
  }
  EXPECT_GT(lost, 0);
}

TEST_F(RedispatchTest, ASpareNodeMakesUpForALossBeforeAnotherIsAsked) {
  options_.over_selection = 0.5;
  options_.max_redispatches = 1;
  answer_ = [&](const Message& instruction) {
    return grid_.sent.size() == 1 ? Fail(instruction, ErrorCode::kNodeUnavailable)
                                  : Good(instruction);
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(Asked(), SizeIs(3));
  EXPECT_EQ(reports_[0].train->num_results, 2);
}

}  // namespace
}  // namespace flwrcpp
