// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedbuff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/make_strategy.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeGrid;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Reply;
using ::testing::SizeIs;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

/// A node's work: what it was asked, without content, and the weights it was given.
struct Work {
  Message instruction;
  float weight = 0;
  std::int64_t server_round = 0;
};

/// FedBuff over nodes that answer when the test says so: each pull of the strategy first carries
/// out the next step of `script_`.
class FedBuffTest : public ::testing::Test {
 protected:
  using Step = std::function<void()>;

  FedBuffTest() {
    AddNode(1);
    AddNode(2);
    fedbuff_.seed = 3;
    fedbuff_.buffer_size = 1;
    fedbuff_.min_train_nodes = 1;
    fedbuff_.fraction_evaluate = 0;
    options_.initial_arrays = Weights({0});
    options_.num_rounds = 1;
    options_.timeout.reset();
    options_.stop = stop_.get_token();
    options_.on_round = [this](const RoundReport& report, const ArrayRecord& arrays) {
      reports_.push_back(report);
      models_.push_back(WeightsOf(arrays)[0]);
      return absl::OkStatus();
    };
    grid_.on_pull = [this] {
      if (script_.empty()) {
        ADD_FAILURE() << "the script is over, but the run is not";
        stop_.request_stop();
        return;
      }
      const Step step = std::move(script_.front());
      script_.pop_front();
      step();
    };
  }

  void AddNode(std::uint64_t id) {
    grid_.AddNode(id, [this, id](const Message& instruction) -> std::optional<Message> {
      work_[id].push_back({Message(instruction.metadata(), RecordDict()),
                           WeightsOf(*instruction.content().FindArrays("arrays"))[0],
                           *instruction.content().FindConfig("config")->GetInt("server-round")});
      return std::nullopt;
    });
  }

  Work TakeWork(std::uint64_t id) {
    if (work_[id].empty()) {
      ADD_FAILURE() << "node " << id << " has nothing to do";
      stop_.request_stop();
      return {};
    }
    Work work = std::move(work_[id].front());
    work_[id].pop_front();
    return work;
  }

  /// The node has trained: its weight is by `update` larger than what it was given.
  Step Trained(std::uint64_t id, float update, std::int64_t examples = 1, double loss = 0) {
    return [=, this] {
      const Work work = TakeWork(id);
      grid_.Deliver(Reply(work.instruction, Weights({work.weight + update}),
                          {{"num-examples", examples}, {"loss", loss}}));
    };
  }
  Step Failed(std::uint64_t id, ErrorCode code = ErrorCode::kClientAppRaisedException) {
    return [=, this] {
      grid_.Deliver(Message::ErrorReplyTo(TakeWork(id).instruction,
                                          Error{static_cast<std::int64_t>(code), "sorry"}));
    };
  }
  static Step Nothing() {
    return [] {};
  }

  StatusOr<Result> Start() {
    return FedBuff::Create(fedbuff_).value()->Start(grid_, std::move(options_));
  }

  FakeGrid grid_;
  FedBuffOptions fedbuff_;
  StartOptions options_;
  std::stop_source stop_;
  std::deque<Step> script_;
  std::map<std::uint64_t, std::deque<Work>> work_;
  std::vector<RoundReport> reports_;
  std::vector<float> models_;
};

/// Node 2 answers when the model is three versions older, and again when it is one.
class StalenessTest : public FedBuffTest {
 protected:
  StalenessTest() {
    options_.num_rounds = 5;
    script_ = {Trained(1, 1), Trained(1, 1), Trained(1, 1), Trained(2, 8), Trained(1, 2)};
  }
};

TEST_F(StalenessTest, AnUpdateCountsByTheVersionsMadeSinceItsNodeGotTheModel) {
  ASSERT_THAT(Start(), IsOk());

  // 3 + 8 / √(1 + 3), and 7 + 2 / √(1 + 1); not the difference to the newest model
  EXPECT_THAT(models_, ElementsAre(1, 2, 3, 7, FloatEq(7 + static_cast<float>(std::sqrt(2)))));
}

TEST_F(StalenessTest, WithoutAnExponentAllUpdatesCountTheSame) {
  fedbuff_.staleness_exponent = 0;

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 2, 3, 11, 13));
}

TEST_F(StalenessTest, TheExponentIsThatOfOnePlusTheVersions) {
  fedbuff_.staleness_exponent = 1;

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 2, 3, 5, 6));
}

TEST_F(StalenessTest, UpdatesThatAreTooStaleAreLeftOutAndCounted) {
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

TEST_F(StalenessTest, TheOldestUpdateThatIsAllowedCounts) {
  fedbuff_.max_staleness = 3;

  ASSERT_THAT(Start(), IsOk());

  EXPECT_EQ(models_[3], 7);
}

TEST_F(StalenessTest, ANodeGetsTheNewestModelAsSoonAsItHasAnswered) {
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

TEST_F(FedBuffTest, StalenessTakesFromAnUpdateAndGivesTheOthersNoMore) {
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

TEST_F(FedBuffTest, HoldsAVersionAsLongAsANodeTrainsFromIt) {
  auto owner = std::make_shared<std::string>(Weights({0}).Find("w")->Contiguous().view());
  const std::weak_ptr<std::string> initial = owner;
  const std::string_view view = *owner;
  options_.initial_arrays.clear();
  options_.initial_arrays.Set("w", Array::FromNpy(Bytes(std::move(owner), view)).value());
  std::vector<bool> held;
  options_.on_round = [&](const RoundReport&, const ArrayRecord&) {
    held.push_back(!initial.expired());
    return absl::OkStatus();
  };
  options_.num_rounds = 4;
  script_ = {Trained(1, 1), Trained(1, 1), Trained(2, 1), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(held, ElementsAre(true, true, false, false));
}

TEST_F(FedBuffTest, LetsGoOfAVersionFromWhichEveryUpdateWouldBeTooStale) {
  auto owner = std::make_shared<std::string>(Weights({0}).Find("w")->Contiguous().view());
  const std::weak_ptr<std::string> initial = owner;
  const std::string_view view = *owner;
  options_.initial_arrays.clear();
  options_.initial_arrays.Set("w", Array::FromNpy(Bytes(std::move(owner), view)).value());
  std::vector<bool> held;
  options_.on_round = [&](const RoundReport&, const ArrayRecord&) {
    held.push_back(!initial.expired());
    return absl::OkStatus();
  };
  options_.num_rounds = 4;
  fedbuff_.max_staleness = 1;
  script_ = {Trained(1, 1), Trained(1, 1), Trained(1, 1), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(held, ElementsAre(true, false, false, false));
}

TEST_F(FedBuffTest, NoMoreNodesTrainAtATimeThanAreAllowed) {
  for (std::uint64_t id = 3; id <= 9; ++id) AddNode(id);
  fedbuff_.concurrency = 3;
  fedbuff_.buffer_size = 20;
  std::vector<std::size_t> working;
  const Step any_node = [&] {
    std::size_t count = 0;
    std::uint64_t last = 0;
    for (const auto& [id, work] : work_) {
      EXPECT_LE(work.size(), 1u) << "a node was asked twice at a time";
      count += work.size();
      if (!work.empty()) last = id;
    }
    working.push_back(count);
    Trained(last, 1)();
  };
  script_.assign(20, any_node);

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(working, ::testing::Each(3u));
  EXPECT_THAT(grid_.sent, SizeIs(22));
}

TEST_F(FedBuffTest, WithoutAConcurrencyAPartOfTheNodesTrains) {
  for (std::uint64_t id = 3; id <= 9; ++id) AddNode(id);
  fedbuff_.fraction_train = 0.5;
  script_ = {[&] {
    EXPECT_THAT(grid_.sent, SizeIs(4));
    stop_.request_stop();
  }};

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));
}

TEST_F(FedBuffTest, AsksNobodyWhereMoreNodesTrainThanThereArePlacesLeft) {
  for (std::uint64_t id = 3; id <= 10; ++id) AddNode(id);
  fedbuff_.fraction_train = 0.5;
  fedbuff_.buffer_size = 3;
  script_ = {[&] {
               std::uint64_t trains = 0;
               bool one_stays = false;
               for (std::uint64_t id = 1; id <= 10; ++id) {
                 if (!work_[id].empty()) {
                   trains = id;
                 } else if (std::exchange(one_stays, true)) {
                   grid_.RemoveNode(id);
                 }
               }
               Trained(trains, 1)();  // four train, and of six nodes that are left three may
             },
             [&] {
               EXPECT_THAT(grid_.sent, SizeIs(5));
               stop_.request_stop();
             }};

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));
}

TEST_F(FedBuffTest, ANodeThatNeverAnswersGivesItsPlaceAwayWhenItsUpdateWouldBeTooStale) {
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

TEST_F(FedBuffTest, ANodeThatComesIsAskedAndOneThatGoesIsNot) {
  fedbuff_.buffer_size = 4;
  script_ = {Trained(1, 1),
             [&] {
               AddNode(3);
               Trained(1, 1)();
             },
             [&] {
               grid_.RemoveNode(2);
               Failed(2, ErrorCode::kNodeUnavailable)();
             },
             Trained(3, 1), Trained(3, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1));
  EXPECT_EQ(reports_[0].train->num_results, 4);
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_EQ(reports_[0].train->failures[0].first, 2u);
  EXPECT_EQ(reports_[0].sampled_train, 5);
  EXPECT_THAT(work_[2], IsEmpty());
}

TEST_F(FedBuffTest, ANodeThatFailedIsAskedAgainInTheNextRoundOnly) {
  fedbuff_.buffer_size = 2;
  options_.num_rounds = 2;
  script_ = {Failed(2), Trained(1, 1),
             [&] {
               EXPECT_THAT(work_[2], IsEmpty());
               Trained(1, 1)();
             },
             Trained(2, 1), Trained(2, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 2));
}

TEST_F(FedBuffTest, ArraysThatDoNotFitTheModelAreAFailure) {
  script_ = {[&] {
               grid_.Deliver(Reply(TakeWork(1).instruction, Weights({1, 2}),
                                   {{"num-examples", std::int64_t{1}}}));
             },
             Trained(2, 5)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(5));
  ASSERT_THAT(reports_[0].train->failures, SizeIs(1));
  EXPECT_THAT(reports_[0].train->failures[0].second, HasSubstr("array 'w' has shape (2,)"));
}

TEST_F(FedBuffTest, ARoundEndsWithTheUpdatesThereAreWhenNoNodeIsLeftToAsk) {
  fedbuff_.buffer_size = 3;
  options_.num_rounds = 3;
  script_ = {Trained(1, 1), Failed(1),     Failed(2),  //
             Failed(1),     Failed(2),                 //
             Trained(1, 1), Trained(2, 1), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, 1, 2));
  EXPECT_EQ(reports_[1].train->num_results, 0);
  EXPECT_THAT(reports_[1].train->failures, SizeIs(2));
}

TEST_F(FedBuffTest, ARoundEndsAtTheTimeoutWithTheUpdatesThereAre) {
  fedbuff_.buffer_size = 2;
  options_.timeout = std::chrono::seconds(0);
  script_ = {Trained(1, 1), Nothing()};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1));
}

TEST_F(FedBuffTest, ARoundWithoutAnUpdateMakesNothingStale) {
  options_.num_rounds = 2;
  options_.timeout = std::chrono::seconds(0);
  script_ = {Nothing(), Trained(1, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(0, 1));
}

TEST_F(FedBuffTest, RepliesThatCameTogetherAreTakenVersionByVersion) {
  grid_.all_replies_at_once = true;
  options_.num_rounds = 2;
  script_ = {[&] {
    Trained(1, 1)();
    Trained(2, 1)();
  }};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(models_, ElementsAre(1, FloatEq(1 + 1 / static_cast<float>(std::sqrt(2)))));
}

TEST_F(FedBuffTest, AStopEndsTheWaitForUpdates) {
  script_ = {[this] { stop_.request_stop(); }};

  EXPECT_THAT(Start(), StatusIs(StatusCode::kCancelled));

  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(FedBuffTest, WaitsForNodesBeforeTheFirstRoundAndWhenAllAreGone) {
  fedbuff_.min_available_nodes = 2;
  grid_.RemoveNode(1);
  std::vector<std::size_t> sent_before;
  grid_.on_wait_for_nodes = [&] {
    sent_before.push_back(grid_.sent.size());
    for (const std::uint64_t id : {1, 2}) AddNode(id);
  };
  options_.num_rounds = 3;
  script_ = {Trained(1, 1),
             [&] {
               for (const std::uint64_t id : {1, 2}) grid_.RemoveNode(id);
               Failed(1, ErrorCode::kNodeUnavailable)();
             },
             Failed(2, ErrorCode::kNodeUnavailable), Trained(2, 1)};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(sent_before, ElementsAre(0, 3));
  EXPECT_THAT(models_, ElementsAre(1, 1, 2));
}

TEST_F(FedBuffTest, EvaluationAsksNodesThatDoNotTrain) {
  fedbuff_.fraction_evaluate = 1;
  AddNode(3);
  std::vector<std::uint64_t> evaluated;
  script_ = {Trained(2, 1), [&] {
               for (const Metadata& metadata : grid_.sent) {
                 if (metadata.message_type == "evaluate") evaluated.push_back(metadata.dst_node_id);
               }
               RecordDict content;
               content.Set("metrics", MetricRecord{{"num-examples", std::int64_t{1}}});
               grid_.Deliver(Message::ReplyTo(TakeWork(2).instruction, std::move(content)));
             }};

  ASSERT_THAT(Start(), IsOk());

  EXPECT_THAT(evaluated, ElementsAre(2));
  EXPECT_EQ(reports_[0].sampled_evaluate, 1);
  EXPECT_EQ(reports_[0].evaluate->num_results, 1);
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
