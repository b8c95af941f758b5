// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// What partitions are for, and the errors that flwr-datasets does not have. That they are those of
// flwr-datasets row by row is seen in partitioner_golden_test.cc.

#include "flwrcpp/datasets/partitioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "flwrcpp/datasets/continuous_partitioner.h"
#include "flwrcpp/datasets/label_partitioners.h"
#include "flwrcpp/datasets/make_partitioner.h"
#include "flwrcpp/datasets/natural_id_partitioners.h"
#include "flwrcpp/datasets/size_partitioners.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/datasets/partitions.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

struct Named {
  std::string name;
  PartitionerParameters parameters;
  bool complete = true;  ///< Whether each row is in a partition.
};

/// Seven partitions, whatever the partitioner.
std::vector<Named> AllPartitioners() {
  const PartitionerParameter seven = std::int64_t{7};
  const std::vector<std::int64_t> sizes = {6000, 7000, 8000, 0, 10000, 1, 5000};
  return {
      {"iid", {{"num_partitions", seven}}},
      {"size", {{"partition_sizes", std::vector<std::int64_t>(7, 1000)}}, false},
      {"linear", {{"num_partitions", seven}}},
      {"square", {{"num_partitions", seven}}},
      {"exponential", {{"num_partitions", seven}}},
      {"dirichlet", {{"num_partitions", seven}, {"alpha", 0.5}}},
      {"inner-dirichlet", {{"partition_sizes", sizes}, {"alpha", 0.5}}, false},
      {"pathological", {{"num_partitions", seven}, {"num_classes_per_partition", seven}}},
      {"shard", {{"num_partitions", seven}, {"num_shards_per_partition", 2}}, false},
      {"shard", {{"num_partitions", seven}, {"shard_size", 999}, {"keep_incomplete_shard", true}}},
      {"grouped-natural-id", {{"group_size", 1}, {"mode", "allow-bigger"}}},
      {"natural-id", {}},
      {"continuous", {{"num_partitions", seven}, {"strictness", 0.5}}},
  };
}

TEST(EveryPartitioner, GivesEachRowToOnePartitionAtMost) {
  const std::vector<std::uint8_t>& labels = RealLabels();
  for (const Named& named : AllPartitioners()) {
    SCOPED_TRACE(named.name);

    const std::vector<std::size_t> rows =
        Sorted(Divide(MakePartitioner(named.name, named.parameters), labels));

    EXPECT_EQ(std::adjacent_find(rows.begin(), rows.end()), rows.end());
    EXPECT_LT(rows.back(), labels.size());
    EXPECT_EQ(rows.size() == labels.size(), named.complete);
  }
}

TEST(EveryPartitioner, DividesLabelsOfAnyTypeAlike) {
  const std::vector<std::uint8_t> labels = Labels(60000);
  const std::vector<std::int64_t> integers(labels.begin(), labels.end());
  const std::vector<double> reals(labels.begin(), labels.end());
  std::vector<std::string> texts;
  for (const std::uint8_t label : labels) texts.push_back(std::to_string(label));
  for (const Named& named : AllPartitioners()) {
    SCOPED_TRACE(named.name);
    const auto partitioner = MakePartitioner(named.name, named.parameters);

    const Partitions partitions = Divide(partitioner, labels);

    EXPECT_EQ(Divide(partitioner, integers), partitions);
    EXPECT_EQ(Divide(partitioner, reals), partitions);
    if (named.name == "continuous") continue;
    EXPECT_EQ(Divide(partitioner, texts), partitions);
  }
}

TEST(EveryPartitioner, RefusesAColumnWithoutRows) {
  for (const Named& named : AllPartitioners()) {
    SCOPED_TRACE(named.name);
    const auto partitioner = MakePartitioner(named.name, named.parameters);
    ASSERT_THAT(partitioner, IsOk());
    EXPECT_THAT((*partitioner)->Partition(std::vector<std::string>()),
                StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(EveryPartitioner, DependsOnItsSeedAlone) {
  for (Named named : AllPartitioners()) {
    SCOPED_TRACE(named.name);
    named.parameters["seed"] = 42;
    const auto seeded = MakePartitioner(named.name, named.parameters);
    if (!seeded.ok()) continue;  // Has no part of chance.
    const Partitions partitions = Divide(seeded, RealLabels());

    EXPECT_EQ(Divide(seeded, RealLabels()), partitions);
    named.parameters.erase("seed");
    EXPECT_EQ(Divide(MakePartitioner(named.name, named.parameters), RealLabels()), partitions);
    named.parameters["seed"] = 43;
    EXPECT_NE(Divide(MakePartitioner(named.name, named.parameters), RealLabels()), partitions);
  }
}

TEST(EveryPartitioner, DiffersEachTimeWithoutASeed) {
  const auto partitioner = MakeShardPartitioner(
      {.num_partitions = 10, .num_shards_per_partition = 2, .seed = std::nullopt});

  EXPECT_NE(Divide(partitioner, RealLabels()), Divide(partitioner, RealLabels()));
}

TEST(EveryPartitioner, RefusesNanWhereItLooksAtValues) {
  const std::vector<double> column = {0, 1, std::nan(""), 1, 0, 2, 3};
  for (const auto& [name, parameters, complete] : {
           Named{"dirichlet", {{"num_partitions", 2}, {"alpha", 1}, {"min_partition_size", 0}}},
           Named{"natural-id", {}},
           Named{"continuous", {{"num_partitions", 2}, {"strictness", 0}}},
       }) {
    const auto partitioner = MakePartitioner(name, parameters);
    ASSERT_THAT(partitioner, IsOk());
    EXPECT_THAT((*partitioner)->Partition(column),
                StatusIs(StatusCode::kInvalidArgument, "row 2 of the column"));
  }
}

TEST(IidPartitioner, RefusesMorePartitionsThanRows) {
  const auto partitioner = MakeIidPartitioner({std::numeric_limits<std::size_t>::max()});

  ASSERT_THAT(partitioner, IsOk());
  EXPECT_THAT((*partitioner)->Partition(Labels(10)),
              StatusIs(StatusCode::kInvalidArgument, "10 samples"));
}

TEST(SizePartitioner, RefusesSizesWhoseSumIsNoNumber) {
  const std::size_t half = std::numeric_limits<std::size_t>::max() / 2 + 1;
  const auto partitioner = MakeSizePartitioner({{half, half, 5}});

  ASSERT_THAT(partitioner, IsOk());
  EXPECT_THAT((*partitioner)->Partition(Labels(10)),
              StatusIs(StatusCode::kInvalidArgument, "10 samples"));
}

TEST(IdToSizeFncPartitioner, ReportsWhatItsFunctionDoes) {
  const auto divide = [](std::function<double(double)> function) {
    return MakeIdToSizeFncPartitioner({3, std::move(function)}).value()->Partition(Labels(100));
  };

  EXPECT_THAT(divide([](double) -> double { throw std::runtime_error("no idea"); }),
              StatusIs(StatusCode::kInternal, "no idea"));
  EXPECT_THAT(divide([](double id) { return 1 - id; }), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(divide([](double id) { return id == 3 ? -1.0 : 2.0; }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(divide([](double) { return std::nan(""); }), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(divide([](double) { return HUGE_VAL; }), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeIdToSizeFncPartitioner({3, nullptr}), StatusIs(StatusCode::kInvalidArgument));
}

// 7 / 55 * 110 is 13.999… in doubles, 7 * 110 / 55 is not: flwr-datasets divides first.
TEST(LinearPartitioner, RoundsInTheOrderOfFlwrDatasets) {
  const Partitions partitions = Divide(MakeLinearPartitioner({.num_partitions = 10}), Labels(110));

  EXPECT_THAT(partitions[6], SizeIs(13));
  EXPECT_THAT(partitions[9], SizeIs(21));  // And the row that is left.
}

TEST(IdToSizeFncPartitioner, LeavesToTheLastPartitionWhatRoundingLeaves) {
  // A tenth of a row is its share, but the others are rounded down.
  const auto partitioner =
      MakeIdToSizeFncPartitioner({3, [](double id) { return id < 3 ? 4.95 : 0.1; }});

  EXPECT_THAT(Divide(partitioner, Labels(10)),
              ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5, 6, 7), ElementsAre(8, 9)));
}

TEST(GroupedNaturalIdPartitioner, GroupsIdsInTheOrderInWhichTheyComeUp) {
  const std::vector<std::string> doctors = {"Kim", "Ada", "Kim", "Bo", "Ada"};

  EXPECT_THAT(Divide(MakeGroupedNaturalIdPartitioner({.group_size = 2}), doctors),
              ElementsAre(ElementsAre(0, 2, 1, 4), ElementsAre(3)));
  EXPECT_THAT(
      Divide(MakeGroupedNaturalIdPartitioner({.group_size = 2, .sort_unique_ids = true}), doctors),
      ElementsAre(ElementsAre(1, 4, 3), ElementsAre(0, 2)));
  EXPECT_THAT(MakeGroupedNaturalIdPartitioner({}), StatusIs(StatusCode::kInvalidArgument));
}

TEST(ContinuousPartitioner, SeparatesTheMoreTheStricterItIs) {
  std::vector<double> ages(2000);
  for (std::size_t i = 0; i < ages.size(); ++i) ages[i] = static_cast<double>(i * 37 % 2000);
  const auto gap = [&ages](double strictness) {
    const Partitions partitions =
        Divide(MakeContinuousPartitioner({.num_partitions = 2, .strictness = strictness}), ages);
    double difference = 0;
    for (const std::size_t row : partitions[1]) difference += ages[row] / 1000;
    for (const std::size_t row : partitions[0]) difference -= ages[row] / 1000;
    return difference;
  };

  EXPECT_NEAR(gap(1), 1000, 1e-6);  // The halves of 0 to 1999.
  EXPECT_NEAR(gap(0), 0, 100);      // A deviation of 26.
  EXPECT_LT(gap(0.3), gap(0.6));
  EXPECT_LT(gap(0.6), gap(1));
}

TEST(ContinuousPartitioner, RefusesWhatCannotBeSorted) {
  const auto partitioner = MakeContinuousPartitioner({.num_partitions = 2, .strictness = 0.5});
  ASSERT_THAT(partitioner, IsOk());

  EXPECT_THAT((*partitioner)->Partition(std::vector<std::string>{"1", "2"}),
              StatusIs(StatusCode::kInvalidArgument, "texts"));
  EXPECT_THAT((*partitioner)->Partition(std::vector<double>{1, 1e300}),
              StatusIs(StatusCode::kInvalidArgument, "row 1"));
  EXPECT_THAT((*partitioner)->Partition(std::vector<double>{3e38, -3e38, 0}),
              StatusIs(StatusCode::kInvalidArgument, "deviation"));
  EXPECT_THAT((*partitioner)->Partition(std::vector<double>(5, 7.0)),
              StatusIs(StatusCode::kInvalidArgument, "deviation"));
}

TEST(ContinuousPartitioner, DividesByChanceWhatDoesNotVary) {
  const auto partitioner = MakeContinuousPartitioner({.num_partitions = 2, .strictness = 0});

  const Partitions partitions = Divide(partitioner, std::vector<double>(6, 7.0));

  EXPECT_THAT(partitions, Each(SizeIs(3)));
  EXPECT_NE(partitions[0], (std::vector<std::size_t>{0, 1, 2}));
}

// A change here would move the rows of every federation in use.
TEST(Permutation, IsNumPysOnEveryPlatform) {
  EXPECT_THAT(Permutation(8, 42), ElementsAre(3, 4, 2, 7, 6, 1, 5, 0));
}

TEST(Permutation, OfNothingIsEmpty) { EXPECT_THAT(Permutation(0, 1), SizeIs(0)); }

}  // namespace
}  // namespace flwrcpp::datasets
