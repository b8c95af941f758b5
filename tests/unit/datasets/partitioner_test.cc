// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/partitioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "datasets/random.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::SizeIs;

/// `size` samples whose classes take turns.
std::vector<std::uint8_t> Labels(std::size_t size, int classes = 10) {
  std::vector<std::uint8_t> labels(size);
  for (std::size_t i = 0; i < size; ++i) {
    labels[i] = static_cast<std::uint8_t>(i % static_cast<std::size_t>(classes));
  }
  return labels;
}

Partitions Divide(const std::string& name, const PartitionerOptions& options,
                  const std::vector<std::uint8_t>& labels) {
  const auto partitioner = MakePartitioner(name, options);
  EXPECT_THAT(partitioner, IsOk());
  if (!partitioner.ok()) return {};
  StatusOr<Partitions> partitions = (*partitioner)->Partition(labels);
  EXPECT_THAT(partitions, IsOk());
  return partitions.ok() ? *std::move(partitions) : Partitions();
}

std::vector<std::size_t> Sorted(const Partitions& partitions) {
  std::vector<std::size_t> all;
  for (const auto& partition : partitions)
    all.insert(all.end(), partition.begin(), partition.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::size_t NumClasses(const std::vector<std::size_t>& partition,
                       const std::vector<std::uint8_t>& labels) {
  std::set<int> classes;
  for (const std::size_t i : partition) classes.insert(labels[i]);
  return classes.size();
}

class EveryPartitioner : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Names, EveryPartitioner,
                         ::testing::Values("iid", "contiguous", "dirichlet", "shards"));

TEST_P(EveryPartitioner, GivesEachSampleToOnePartition) {
  const std::vector<std::uint8_t> labels = Labels(1003);

  const Partitions partitions = Divide(GetParam(), {.num_partitions = 7}, labels);

  ASSERT_THAT(partitions, SizeIs(7));
  std::vector<std::size_t> expected(labels.size());
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = i;
  EXPECT_EQ(Sorted(partitions), expected);
}

TEST_P(EveryPartitioner, LimitsThePartitionsWhenAsked) {
  const Partitions partitions =
      Divide(GetParam(), {.num_partitions = 4, .samples_per_partition = 30}, Labels(1000));

  ASSERT_THAT(partitions, SizeIs(4));
  for (const auto& partition : partitions) EXPECT_LE(partition.size(), 30U);
}

TEST_P(EveryPartitioner, RejectsFewerSamplesThanPartitions) {
  const auto partitioner = MakePartitioner(GetParam(), {.num_partitions = 11});

  ASSERT_THAT(partitioner, IsOk());
  EXPECT_THAT((*partitioner)->Partition(Labels(10)),
              StatusIs(StatusCode::kInvalidArgument, "10 samples"));
  EXPECT_THAT((*partitioner)->Partition({}), StatusIs(StatusCode::kInvalidArgument));
}

TEST_P(EveryPartitioner, RejectsNoPartitions) {
  EXPECT_THAT(MakePartitioner(GetParam(), {.num_partitions = 0}),
              StatusIs(StatusCode::kInvalidArgument, "num_partitions"));
}

class RandomPartitioner : public EveryPartitioner {};

INSTANTIATE_TEST_SUITE_P(Names, RandomPartitioner, ::testing::Values("iid", "dirichlet", "shards"));

TEST_P(RandomPartitioner, DependsOnTheSeedAlone) {
  const std::vector<std::uint8_t> labels = Labels(500);

  const Partitions first = Divide(GetParam(), {.num_partitions = 3, .seed = 1}, labels);

  EXPECT_EQ(Divide(GetParam(), {.num_partitions = 3, .seed = 1}, labels), first);
  EXPECT_NE(Divide(GetParam(), {.num_partitions = 3, .seed = 2}, labels), first);
}

TEST(IidPartitioner, SizesDifferByOneAtMost) {
  const Partitions partitions = Divide("iid", {.num_partitions = 3}, Labels(11));

  EXPECT_THAT(partitions, ElementsAre(SizeIs(4), SizeIs(4), SizeIs(3)));
}

TEST(IidPartitioner, GivesEveryPartitionAllClasses) {
  const std::vector<std::uint8_t> labels = Labels(1000);

  for (const auto& partition : Divide("iid", {.num_partitions = 5}, labels)) {
    EXPECT_EQ(NumClasses(partition, labels), 10U);
  }
}

TEST(ContiguousPartitioner, MakesConsecutiveBlocks) {
  EXPECT_THAT(Divide("contiguous", {.num_partitions = 2}, Labels(5)),
              ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4)));
}

TEST(ContiguousPartitioner, MakesBlocksOfTheGivenSize) {
  EXPECT_THAT(Divide("contiguous", {.num_partitions = 2, .samples_per_partition = 2}, Labels(100)),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3)));
}

TEST(ContiguousPartitioner, RejectsMoreSamplesThanThereAre) {
  const auto partitioner =
      MakeContiguousPartitioner({.num_partitions = 2, .samples_per_partition = 51});

  ASSERT_THAT(partitioner, IsOk());
  EXPECT_THAT((*partitioner)->Partition(Labels(100)),
              StatusIs(StatusCode::kInvalidArgument, "2 partitions of 51 samples"));
}

TEST(ShardPartitioner, GivesAPartitionFewClasses) {
  const std::vector<std::uint8_t> labels = Labels(1000);

  // 20 shards of 50 samples: each within one of the classes of 100.
  const Partitions partitions =
      Divide("shards", {.num_partitions = 10, .shards_per_partition = 2}, labels);

  for (const auto& partition : partitions) {
    EXPECT_THAT(partition, SizeIs(100));
    EXPECT_LE(NumClasses(partition, labels), 2U);
  }
}

TEST(ShardPartitioner, RejectsMoreShardsThanSamples) {
  const auto partitioner = MakeShardPartitioner({.num_partitions = 2, .shards_per_partition = 6});

  ASSERT_THAT(partitioner, IsOk());
  EXPECT_THAT((*partitioner)->Partition(Labels(10)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeShardPartitioner({.shards_per_partition = 0}),
              StatusIs(StatusCode::kInvalidArgument, "shards_per_partition"));
}

/// Mean over partitions of the share that their largest class has.
double Concentration(const Partitions& partitions, const std::vector<std::uint8_t>& labels) {
  double sum = 0;
  for (const auto& partition : partitions) {
    std::vector<double> counts(10);
    for (const std::size_t i : partition) ++counts[labels[i]];
    sum += *std::max_element(counts.begin(), counts.end()) / static_cast<double>(partition.size());
  }
  return sum / static_cast<double>(partitions.size());
}

TEST(DirichletPartitioner, IsTheMoreUnevenTheSmallerAlphaIs) {
  const std::vector<std::uint8_t> labels = Labels(10000);

  const auto concentration = [&labels](double alpha) {
    return Concentration(Divide("dirichlet", {.num_partitions = 10, .alpha = alpha}, labels),
                         labels);
  };

  EXPECT_LT(concentration(1e5), 0.11);  // Nearly even: 10 classes of a tenth each.
  EXPECT_LT(concentration(1e5), concentration(1));
  EXPECT_LT(concentration(1), concentration(0.1));
  EXPECT_GT(concentration(0.1), 0.4);
}

TEST(DirichletPartitioner, LeavesNoPartitionBelowTheMinimalSize) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Partitions partitions = Divide(
        "dirichlet", {.num_partitions = 5, .seed = seed, .alpha = 0.2, .min_partition_size = 40},
        Labels(1000));
    for (const auto& partition : partitions) EXPECT_GE(partition.size(), 40U);
  }
}

TEST(DirichletPartitioner, SaysWhatToChangeWhenNoDrawIsLargeEnough) {
  // One class and a tiny alpha: one partition takes it all.
  const auto partitioner = MakeDirichletPartitioner({.num_partitions = 4, .alpha = 1e-6});

  ASSERT_THAT(partitioner, IsOk());
  EXPECT_THAT((*partitioner)->Partition(Labels(1000, 1)),
              StatusIs(StatusCode::kInvalidArgument, "take a larger alpha"));
}

TEST(DirichletPartitioner, RejectsSettingsOutsideTheirRange) {
  for (const double alpha :
       {0.0, -1.0, 1e-7, 1e7, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(MakeDirichletPartitioner({.alpha = alpha}),
                StatusIs(StatusCode::kInvalidArgument, "alpha"));
  }
  EXPECT_THAT(MakeDirichletPartitioner({.min_partition_size = 0}),
              StatusIs(StatusCode::kInvalidArgument, "min_partition_size"));
}

TEST(MakePartitioner, RejectsAnUnknownName) {
  EXPECT_THAT(MakePartitioner("IID", {}),
              StatusIs(StatusCode::kInvalidArgument, "'IID', expected iid, contiguous"));
}

// The engine's numbers are fixed by the C++ standard and the rest is ours, so these may be compared
// literally: a change here would move the samples of every federation in use.
TEST(Permutation, IsTheSameOnEveryPlatform) {
  EXPECT_THAT(Permutation(8, 42), ElementsAre(7, 0, 5, 1, 2, 4, 3, 6));
}

TEST(Permutation, OfNothingIsEmpty) { EXPECT_THAT(Permutation(0, 1), SizeIs(0)); }

TEST(Random, NumbersBelowABoundAreEquallyLikely) {
  internal::Random random(1);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[random.Below(7)];

  // Deviation of a count is 93; five of them keep a fixed seed well inside.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 465);
}

TEST(Random, NormalAndGammaHaveTheirMeanAndVariance) {
  constexpr int kCount = 200000;
  const auto moments = [](auto draw) {
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kCount; ++i) {
      const double x = draw();
      sum += x;
      squares += x * x;
    }
    const double mean = sum / kCount;
    return std::pair(mean, squares / kCount - mean * mean);
  };
  internal::Random random(3);

  const auto normal = moments([&] { return random.Normal(); });
  EXPECT_NEAR(normal.first, 0, 0.02);
  EXPECT_NEAR(normal.second, 1, 0.02);
  for (const double shape : {0.3, 1.0, 4.5}) {  // Mean and variance of a gamma are its shape.
    SCOPED_TRACE(shape);
    const auto gamma = moments([&] { return std::exp(random.LogGamma(shape)); });
    EXPECT_NEAR(gamma.first, shape, 0.03 * shape + 0.01);
    EXPECT_NEAR(gamma.second, shape, 0.05 * shape + 0.01);
  }
}

}  // namespace
}  // namespace flwrcpp::datasets
