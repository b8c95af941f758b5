// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// The shares of classes that partitions have, on Fashion-MNIST's labels.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "flwrcpp/datasets/dirichlet_partitioners.h"
#include "flwrcpp/datasets/label_partitioners.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/datasets/partitions.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::Each;
using ::testing::Ge;
using ::testing::SizeIs;

/// Mean over partitions of the share that their largest class has.
double Concentration(const MaybePartitioner& partitioner) {
  const Partitions partitions = Divide(partitioner, RealLabels());
  double sum = 0;
  for (const auto& rows : partitions) {
    const std::vector<double> shares = ClassShares(rows, RealLabels());
    sum += *std::max_element(shares.begin(), shares.end());
  }
  return sum / static_cast<double>(partitions.size());
}

TEST(DirichletPartitioner, IsTheMoreUnevenTheSmallerAlphaIs) {
  const auto concentration = [](double alpha) {
    return Concentration(MakeDirichletPartitioner({.num_partitions = 10, .alpha = alpha}));
  };

  EXPECT_LT(concentration(1e5), 0.11);  // Nearly even: 10 classes of a tenth each.
  EXPECT_LT(concentration(1e5), concentration(1));
  EXPECT_LT(concentration(1), concentration(0.1));
  EXPECT_GT(concentration(0.1), 0.4);
}

TEST(DirichletPartitioner, GivesAPartitionOfALargerAlphaMore) {
  // Shares of 1/21, 20/21 with deviations below 0.05 a class; ten classes.
  const Partitions partitions =
      Divide(MakeDirichletPartitioner({.num_partitions = 2, .alpha = std::vector<double>{1, 20}}),
             RealLabels());

  EXPECT_NEAR(static_cast<double>(partitions[0].size()) / 60000, 1 / 21.0, 0.05);
}

TEST(DirichletPartitioner, LeavesNoPartitionBelowTheMinimalSize) {
  int met = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto partitioner = MakeDirichletPartitioner(
        {.num_partitions = 5, .alpha = 0.3, .min_partition_size = 60, .seed = seed});
    const auto partitions = (*partitioner)->Partition(Labels(1000));
    if (!partitions.ok()) continue;
    ++met;
    EXPECT_THAT(*partitions, Each(SizeIs(Ge(60))));
  }
  EXPECT_GE(met, 15);
}

TEST(DirichletPartitioner, SaysWhatToChangeWhenNoDrawIsLargeEnough) {
  // One class and a tiny alpha: one partition takes it all.
  const auto partitioner = MakeDirichletPartitioner({.num_partitions = 4, .alpha = 1e-6});

  ASSERT_THAT(partitioner, IsOk());
  EXPECT_THAT((*partitioner)->Partition(Labels(1000, 1)),
              StatusIs(StatusCode::kInvalidArgument, "take a larger alpha"));
  EXPECT_THAT((*partitioner)->Partition(Labels(39)),
              StatusIs(StatusCode::kInvalidArgument, "4 partitions of at least 10"));
}

TEST(DirichletPartitioner, RefusesAlphasThatAreNoConcentration) {
  for (const double alpha : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THAT(MakeDirichletPartitioner({.num_partitions = 2, .alpha = alpha}),
                StatusIs(StatusCode::kInvalidArgument, "alpha"));
    EXPECT_THAT(MakeInnerDirichletPartitioner({.partition_sizes = {1}, .alpha = alpha}),
                StatusIs(StatusCode::kInvalidArgument, "alpha"));
  }
  EXPECT_THAT(MakeDirichletPartitioner({.num_partitions = 2, .alpha = std::vector<double>()}),
              StatusIs(StatusCode::kInvalidArgument, "0 values"));
}

// Whether such alphas work is a matter of doubles; that there is an end is not.
TEST(DirichletPartitioner, ComesToAnEndWithAlphasOfAnySize) {
  for (const double alpha : {5e-324, 1e-300, 1e-10, 1e10, 1e300, 1.7e308}) {
    SCOPED_TRACE(alpha);
    const auto outer = MakeDirichletPartitioner(
        {.num_partitions = 3, .alpha = alpha, .min_partition_size = 0, .self_balancing = true});
    const auto inner =
        MakeInnerDirichletPartitioner({.partition_sizes = {40, 30, 30}, .alpha = alpha});
    for (const auto* const partitioner : {&outer, &inner}) {
      const auto partitions = (**partitioner)->Partition(Labels(100));
      if (partitions.ok()) {
        EXPECT_THAT(Sorted(*partitions), SizeIs(100));
      } else {
        EXPECT_THAT(partitions, StatusIs(StatusCode::kInvalidArgument, "alpha"));
      }
    }
  }
}

TEST(DirichletPartitioner, BalancesWhenAsked) {
  const auto largest = [](bool self_balancing) {
    const Partitions partitions =
        Divide(MakeDirichletPartitioner(
                   {.num_partitions = 10, .alpha = 0.1, .self_balancing = self_balancing}),
               RealLabels());
    std::size_t size = 0;
    for (const auto& rows : partitions) size = std::max(size, rows.size());
    return size;
  };

  // A partition gets no more once it has 6000, and one class has 6000.
  EXPECT_LT(largest(true), 12000U);
  EXPECT_LT(largest(true), largest(false));
}

TEST(InnerDirichletPartitioner, HasTheSizesAskedForAndSharesOfItsOwn) {
  const std::vector<std::size_t> sizes = {6000, 3000, 12000, 500};
  const Partitions partitions =
      Divide(MakeInnerDirichletPartitioner({.partition_sizes = sizes, .alpha = 0.3}), RealLabels());

  for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_THAT(partitions[i], SizeIs(sizes[i]));
  EXPECT_GT(Concentration(MakeInnerDirichletPartitioner({.partition_sizes = sizes, .alpha = 0.1})),
            0.4);
  EXPECT_LT(Concentration(MakeInnerDirichletPartitioner({.partition_sizes = sizes, .alpha = 1e5})),
            0.13);
}

TEST(InnerDirichletPartitioner, UsesUpAllRowsWhenTheSizesSumToThem) {
  const Partitions partitions = Divide(
      MakeInnerDirichletPartitioner({.partition_sizes = {50, 30, 20}, .alpha = 0.5}), Labels(100));

  EXPECT_THAT(Sorted(partitions), SizeIs(100));
}

TEST(PathologicalPartitioner, HasTheNumberOfClassesAskedForInEveryMode) {
  for (const auto mode : {ClassAssignmentMode::kRandom, ClassAssignmentMode::kDeterministic,
                          ClassAssignmentMode::kFirstDeterministic}) {
    for (const std::size_t classes : {1, 2, 5, 10}) {
      const Partitions partitions =
          Divide(MakePathologicalPartitioner({.num_partitions = 20,
                                              .num_classes_per_partition = classes,
                                              .class_assignment_mode = mode}),
                 RealLabels());
      for (const auto& rows : partitions) EXPECT_EQ(NumClasses(rows, RealLabels()), classes);
    }
  }
}

TEST(ShardPartitioner, GivesAPartitionFewClasses) {
  // 20 shards of 3000 rows: each within one of the classes of 6000.
  const Partitions partitions = Divide(
      MakeShardPartitioner({.num_partitions = 10, .num_shards_per_partition = 2}), RealLabels());

  for (const auto& rows : partitions) {
    EXPECT_THAT(rows, SizeIs(6000));
    EXPECT_LE(NumClasses(rows, RealLabels()), 2U);
  }
}

TEST(ShardPartitioner, RefusesShardsThatNoNumberCounts) {
  constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();
  for (const ShardPartitionerOptions& options :
       {ShardPartitionerOptions{.num_partitions = 2, .num_shards_per_partition = kHuge},
        ShardPartitionerOptions{.num_partitions = 2, .shard_size = kHuge},
        ShardPartitionerOptions{
            .num_partitions = 2, .num_shards_per_partition = 2, .shard_size = kHuge}}) {
    EXPECT_THAT(MakeShardPartitioner(options).value()->Partition(Labels(100)),
                StatusIs(StatusCode::kInvalidArgument, "100 samples"));
  }
}

TEST(DistributionPartitioner, HasTheProportionsOfItsArray) {
  const Partitions partitions =
      Divide(MakeDistributionPartitioner({.distribution_array = {10, {3.0, 1.0}},
                                          .num_partitions = 10,
                                          .num_unique_labels_per_partition = 2}),
             RealLabels());

  // Partition p has class p as its second holder (1/4 of 6000) and class p + 1 as its first (3/4);
  // partition 0 has 0 as the first, partition 9 has 9 and 0 as the second.
  for (std::size_t p = 1; p < 9; ++p) {
    ASSERT_THAT(partitions[p], SizeIs(6000));
    const std::vector<double> shares = ClassShares(partitions[p], RealLabels());
    EXPECT_DOUBLE_EQ(std::round(shares[p] * 6000), 1500);
    EXPECT_DOUBLE_EQ(std::round(shares[p + 1] * 6000), 4500);
  }
  EXPECT_THAT(partitions[0], SizeIs(9000));
  EXPECT_THAT(partitions[9], SizeIs(3000));
}

TEST(DistributionPartitioner, RefusesNumbersThatAreNoShares) {
  const auto make = [](double value) {
    return MakeDistributionPartitioner({.distribution_array = {10, {1.0, value}},
                                        .num_partitions = 10,
                                        .num_unique_labels_per_partition = 2});
  };
  for (const double value : {-1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THAT(make(value), StatusIs(StatusCode::kInvalidArgument, "distribution_array"));
  }
  DistributionPartitionerOptions zeros = {.distribution_array = {10, {0.0, 0.0}},
                                          .num_partitions = 10,
                                          .num_unique_labels_per_partition = 2};
  EXPECT_THAT(MakeDistributionPartitioner(zeros).value()->Partition(Labels(100)),
              StatusIs(StatusCode::kInvalidArgument, "sums to 0"));
  zeros.distribution_array[3] = {0.0};
  EXPECT_THAT(MakeDistributionPartitioner(zeros).value()->Partition(Labels(100)),
              StatusIs(StatusCode::kInvalidArgument, "row 3"));
}

}  // namespace
}  // namespace flwrcpp::datasets
