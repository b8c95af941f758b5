// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Which model an update is relative to, and how much it counts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/fedbuff_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Weights;

/// Node 2 answers when the model is three versions older, and again when it is one.
class FedBuffStalenessTest : public FedBuffFixture {
 protected:
  FedBuffStalenessTest() {
    options_.num_rounds = 5;
    script_ = {Trained(1, 1), Trained(1, 1), Trained(1, 1), Trained(2, 8), Trained(1, 2)};
  }
};

TEST_F(FedBuffStalenessTest, AnUpdateCountsByTheVersionsMadeSinceItsNodeGotTheModel) {
  ASSERT_THAT(Start(), IsOk());

  // 3 + 8 / √(1 + 3), and 7 + 2 / √(1 + 1); not the difference to the newest model
  EXPECT_THAT(models_, ElementsAre(1, 2, 3, 7, FloatEq(7 + static_cast<float>(std::sqrt(2)))));
}

TEST_F(FedBuffStalenessTest, WithoutAnExponentAllUpdatesCountTheSame) {
  fedbuff_.staleness_exponent = 0;

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 2, 3, 11, 13));
}

TEST_F(FedBuffStalenessTest, TheExponentIsThatOfOnePlusTheVersions) {
  fedbuff_.staleness_exponent = 1;

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 2, 3, 5, 6));
}

TEST_F(FedBuffStalenessTest, UpdatesThatAreTooStaleAreLeftOutAndCounted) {
  fedbuff_.max_staleness = 2;
  script_.push_back(Trained(2, 1));

  ASSERT_THAT(Start(), IsOk());

  // Node 2's first update counts nothing; then node 1's is not stale, and node 2's by one version.
  EXPECT_THAT(models_, ElementsAre(1, 2, 3, 5, FloatEq(5 + 1 / static_cast<float>(std::sqrt(2)))));
  EXPECT_EQ(reports_[3].train->num_late, 1);
  EXPECT_EQ(reports_[3].train->num_results, 1);
  EXPECT_EQ(reports_[3].sampled_train, 2);
  EXPECT_THAT(reports_[3].train->failures, IsEmpty());
}

TEST_F(FedBuffStalenessTest, TheOldestUpdateThatIsAllowedCounts) {
  fedbuff_.max_staleness = 3;

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(models_[3], 7);
}

TEST_F(FedBuffStalenessTest, ANodeGetsTheNewestModelAsSoonAsItHasAnswered) {
  std::vector<std::pair<float, std::int64_t>> given;
  script_[4] = [&] {
    for (const std::uint64_t id : {1, 2}) {
      given.emplace_back(work_[id].front().weight, work_[id].front().server_round);
    }
    Trained(1, 2)();
  };

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(given, ElementsAre(std::pair(3.0F, 4), std::pair(7.0F, 5)));
}

class FedBuffVersionsTest : public FedBuffFixture {
 protected:
  /// Notes in `held_`, after each round, whether anything still holds the initial model.
  void WatchInitialModel() {
    auto owner = std::make_shared<std::string>(Weights({0}).Find("w")->Contiguous().view());
    const std::string_view view = *owner;
    initial_ = owner;
    options_.initial_arrays.clear();
    options_.initial_arrays.Set("w", Array::FromNpy(Bytes(std::move(owner), view)).value());
    options_.on_round = [this](const RoundReport&, const ArrayRecord&) {
      held_.push_back(!initial_.expired());
      return absl::OkStatus();
    };
  }

  std::weak_ptr<std::string> initial_;
  std::vector<bool> held_;
};

TEST_F(FedBuffVersionsTest, StalenessTakesFromAnUpdateAndGivesTheOthersNoMore) {
  fedbuff_.buffer_size = 2;
  options_.num_rounds = 4;
  AddNode(3);
  script_ = {Trained(1, 1), Trained(3, 1),   // and 1 trains from version 0 once more
             Trained(1, 1), Trained(3, 1),   // of versions 0 and 1
             Trained(3, 1), Trained(1, 1),   // of versions 2 and 1
             Trained(1, 2), Trained(2, 8)};  // of versions 3 and 0

  ASSERT_THAT(Start(), IsOk());

  const double stale = 1 / std::sqrt(2);
  EXPECT_THAT(models_, ElementsAre(1, FloatEq(1 + static_cast<float>((stale + 1) / 2)),
                                   FloatEq(1 + static_cast<float>(stale + 1)),
                                   FloatEq(1 + static_cast<float>(stale + 1 + (2 + 4) / 2.0))));
}

TEST_F(FedBuffVersionsTest, HoldsAVersionAsLongAsANodeTrainsFromIt) {
  WatchInitialModel();
  options_.num_rounds = 4;
  script_ = {Trained(1, 1), Trained(1, 1), Trained(2, 1), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(held_, ElementsAre(true, true, false, false));
}

TEST_F(FedBuffVersionsTest, LetsGoOfAVersionFromWhichEveryUpdateWouldBeTooStale) {
  WatchInitialModel();
  options_.num_rounds = 4;
  fedbuff_.max_staleness = 1;
  script_ = {Trained(1, 1), Trained(1, 1), Trained(1, 1), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(held_, ElementsAre(true, false, false, false));
}

TEST_F(FedBuffVersionsTest, ANodeThatNeverAnswersGivesItsPlaceAwayWhenItsUpdateWouldBeTooStale) {
  AddNode(3);
  fedbuff_.concurrency = 2;
  fedbuff_.max_staleness = 1;
  options_.num_rounds = 6;
  std::uint64_t silent = 0;
  std::vector<std::size_t> working;
  const Step others = [&] {
    std::size_t count = 0;
    std::uint64_t next = 0;
    for (const auto& [id, work] : work_) {
      count += work.size();
      if (work.empty()) continue;
      if (silent == 0) silent = id;
      if (id != silent) next = id;
    }
    working.push_back(count);
    Trained(next, 1)();
  };
  script_.assign(6, others);

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(working, ElementsAre(2, 2, 3, 3, 3, 3));
}

TEST_F(FedBuffVersionsTest, ARoundWithoutAnUpdateMakesNothingStale) {
  options_.num_rounds = 2;
  options_.timeout = std::chrono::seconds(0);
  script_ = {Nothing(), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(0, 1));
}

TEST_F(FedBuffVersionsTest, RepliesThatCameTogetherAreTakenVersionByVersion) {
  grid_.all_replies_at_once = true;
  options_.num_rounds = 2;
  script_ = {[&] {
    Trained(1, 1)();
    Trained(2, 1)();
  }};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, FloatEq(1 + 1 / static_cast<float>(std::sqrt(2)))));
}

}  // namespace
}  // namespace flwrcpp
