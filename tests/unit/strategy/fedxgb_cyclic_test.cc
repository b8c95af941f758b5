// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedxgb_cyclic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;
using testing::Reply;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

const MetricRecord kMetrics = {{"num-examples", std::int64_t{10}}, {"loss", 0.5}};

/// Adds the node's id to the arrays it got, at their end.
FakeGrid::Node Appending() {
  return [](const Message& instruction) {
    std::vector<float> values = WeightsOf(*instruction.content().FindArrays("arrays"));
    values.push_back(static_cast<float>(instruction.metadata().dst_node_id));
    return Reply(instruction, Weights(values), kMetrics);
  };
}

class FedXgbCyclicTest : public ::testing::Test {
 protected:
  void AddNodes(const std::vector<std::uint64_t>& node_ids) {
    for (const std::uint64_t node_id : node_ids) grid_.AddNode(node_id, Appending());
  }

  std::unique_ptr<FedXgbCyclic> Make() const { return FedXgbCyclic::Create(options_).value(); }

  /// Whose turn it is to train in a round.
  std::vector<std::uint64_t> Turn(FedXgbCyclic& strategy, int server_round) {
    std::vector<std::uint64_t> node_ids;
    const auto messages = strategy.ConfigureTrain(server_round, Weights({0}), {}, grid_, {});
    for (const Message& message : messages.value()) {
      node_ids.push_back(message.metadata().dst_node_id);
    }
    return node_ids;
  }

  FakeGrid grid_;
  FedAvgOptions options_;
};

TEST_F(FedXgbCyclicTest, OneNodeAfterTheOtherTrainsAndEvaluatesTheModel) {
  AddNodes({7, 3, 5});
  StartOptions start;
  start.initial_arrays = Weights({});
  start.num_rounds = 4;

  const auto result = Make()->Start(grid_, std::move(start));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(result->arrays), ElementsAre(3, 5, 7, 3));
  EXPECT_EQ(result->train_metrics_clientapp.at(4).GetDouble("loss").value(), 0.5);
  std::vector<std::string> sent;
  for (const Metadata& metadata : grid_.sent) {
    sent.push_back(metadata.message_type + " " + std::to_string(metadata.dst_node_id));
  }
  EXPECT_THAT(sent, ElementsAre("train 3", "evaluate 3", "train 5", "evaluate 5", "train 7",
                                "evaluate 7", "train 3", "evaluate 3"));
}

TEST_F(FedXgbCyclicTest, InstructionsCarryTheRound) {
  AddNodes({1, 2});
  const auto strategy = Make();

  const auto messages = strategy->ConfigureEvaluate(2, Weights({9}), {{"a", 1.0}}, grid_, {});

  ASSERT_THAT(messages, IsOk());
  ASSERT_EQ(messages->size(), 1);
  const RecordDict& content = (*messages)[0].content();
  EXPECT_EQ(content.FindConfig("config")->GetInt("server-round").value(), 2);
  EXPECT_EQ(content.FindConfig("config")->GetDouble("a").value(), 1);
  EXPECT_THAT(WeightsOf(*content.FindArrays("arrays")), ElementsAre(9));
}

TEST_F(FedXgbCyclicTest, NodesKeepTheirPlacesAndNewOnesQueueUp) {
  AddNodes({5, 7});
  const auto strategy = Make();
  EXPECT_THAT(Turn(*strategy, 1), ElementsAre(5));
  AddNodes({1});  // the line is 5, 7, 1
  EXPECT_THAT(Turn(*strategy, 2), ElementsAre(7));
  EXPECT_THAT(Turn(*strategy, 3), ElementsAre(1));
  EXPECT_THAT(Turn(*strategy, 4), ElementsAre(5));

  grid_.RemoveNode(7);
  EXPECT_THAT(Turn(*strategy, 5), ElementsAre(5));
  EXPECT_THAT(Turn(*strategy, 6), ElementsAre(1));
  AddNodes({7});
  EXPECT_THAT(Turn(*strategy, 5), ElementsAre(7));
}

TEST_F(FedXgbCyclicTest, GoesOnFromItsStateAsIfItHadNeverStopped) {
  AddNodes({5, 7});
  const auto whole = Make();
  EXPECT_TRUE(whole->State().empty());
  EXPECT_THAT(Turn(*whole, 1), ElementsAre(5));
  AddNodes({1});
  EXPECT_THAT(Turn(*whole, 2), ElementsAre(7));
  const RecordDict state = whole->State();

  const auto resumed = Make();
  ASSERT_THAT(resumed->RestoreState(state), IsOk());
  for (int round = 3; round <= 8; ++round) EXPECT_EQ(Turn(*resumed, round), Turn(*whole, round));
  EXPECT_EQ(resumed->State(), whole->State());
  // Without it the line would be 1, 5, 7.
  EXPECT_NE(Turn(*Make(), 3), Turn(*whole, 3));

  ASSERT_THAT(resumed->RestoreState({}), IsOk());
  EXPECT_TRUE(resumed->State().empty());
}

TEST_F(FedXgbCyclicTest, AStateThatIsNoneIsRefusedAndChangesNothing) {
  AddNodes({5, 7});
  const auto strategy = Make();
  EXPECT_THAT(Turn(*strategy, 1), ElementsAre(5));
  const RecordDict before = strategy->State();
  const auto with = [](const std::string& name, const Record& record) {
    RecordDict state;
    state.Set(name, record);
    return state;
  };
  using Ids = std::vector<std::uint64_t>;

  for (const RecordDict& state :
       {with("nodes", ConfigRecord{{"node_ids", Ids{1}}}), with("registered_nodes", Weights({1})),
        with("registered_nodes", ConfigRecord{{"ids", Ids{1}}}),
        with("registered_nodes", ConfigRecord{{"node_ids", std::vector<double>{1}}}),
        with("registered_nodes", ConfigRecord{{"node_ids", Ids{1, 2, 1}}}),
        with("registered_nodes", ConfigRecord{{"node_ids", Ids{1}}, {"more", 1.0}})}) {
    EXPECT_THAT(strategy->RestoreState(state), StatusIs(StatusCode::kInvalidArgument, "state"));
  }
  RecordDict two = before;
  two.Set("more", Weights({1}));
  EXPECT_THAT(strategy->RestoreState(two), StatusIs(StatusCode::kInvalidArgument, "2 records"));

  EXPECT_EQ(strategy->State(), before);
}

TEST_F(FedXgbCyclicTest, WaitsForAsManyNodesAsItIsTold) {
  options_.min_available_nodes = 3;
  AddNodes({1, 2});
  int waits = 0;
  grid_.on_wait_for_nodes = [&] {
    if (++waits == 2) AddNodes({3});
  };

  EXPECT_THAT(Turn(*Make(), 1), ElementsAre(1));

  EXPECT_EQ(waits, 2);
}

TEST_F(FedXgbCyclicTest, AFractionOfZeroLeavesThePhaseOut) {
  options_.fraction_train = 0;
  options_.fraction_evaluate = 0;
  const auto strategy = Make();

  EXPECT_THAT(strategy->ConfigureTrain(1, Weights({0}), {}, grid_, {}).value(), IsEmpty());
  EXPECT_THAT(strategy->ConfigureEvaluate(1, Weights({0}), {}, grid_, {}).value(), IsEmpty());
}

TEST_F(FedXgbCyclicTest, RepliesWithoutReadableArraysLeaveTheModel) {
  const auto aggregate = [&](ArrayRecord arrays) {
    const auto strategy = Make();
    const auto aggregator = strategy->AggregateTrain(1);
    Metadata metadata;
    metadata.src_node_id = 5;
    RecordDict content;
    content.Set("arrays", std::move(arrays));
    content.Set("metrics", kMetrics);
    aggregator->Add(Message(metadata, content));
    return aggregator->Finish().value();
  };
  ArrayRecord damaged;
  damaged.Set("0", Array("uint8", {1}, "numpy.ndarray", {Bytes(std::string("no npy"))}));

  EXPECT_THAT(aggregate({}).failures, ElementsAre(Pair(5, HasSubstr("holds no array"))));
  EXPECT_THAT(aggregate(damaged).failures, ElementsAre(Pair(5, HasSubstr("array '0'"))));
  EXPECT_FALSE(aggregate(damaged).arrays.has_value());
  EXPECT_EQ(*aggregate(Weights({1, 2})).arrays, Weights({1, 2}));
}

TEST_F(FedXgbCyclicTest, RefusesAFractionInBetween) {
  options_.fraction_train = 0.5;
  EXPECT_THAT(FedXgbCyclic::Create(options_),
              StatusIs(StatusCode::kInvalidArgument, "FedXgbCyclic: fraction_train is 0.5"));
  options_.fraction_train = 1;
  options_.fraction_evaluate = 0.5;
  EXPECT_THAT(FedXgbCyclic::Create(options_),
              StatusIs(StatusCode::kInvalidArgument, "FedXgbCyclic: fraction_evaluate is 0.5"));
}

}  // namespace
}  // namespace flwrcpp
