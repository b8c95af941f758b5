// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/make_partitioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;

TEST(MakePartitioner, KnowsAPartitionerByEachFormOfItsName) {
  for (const std::string name : {"GroupedNaturalIdPartitioner", "groupednaturalidpartitioner",
                                 "grouped-natural-id", "GROUPED_NATURAL_ID"}) {
    EXPECT_THAT(MakePartitioner(name, {{"group-size", 2}}), IsOk()) << name;
  }
}

TEST(MakePartitioner, NamesWhatThereIsWhenItDoesNotKnowAName) {
  const auto partitioner = MakePartitioner("Iidd", {});

  EXPECT_THAT(partitioner,
              StatusIs(kInvalid, "unknown partitioner 'Iidd', expected IidPartitioner,"));
  for (const std::string& name : PartitionerNames())
    EXPECT_THAT(partitioner, StatusIs(kInvalid, name));
  EXPECT_THAT(MakeVerticalPartitioner("iid", {}),
              StatusIs(kInvalid, "expected VerticalEvenPartitioner, VerticalSizePartitioner"));
  EXPECT_THAT(MakePartitioner("", {}), StatusIs(kInvalid));
  EXPECT_THAT(MakePartitioner("partitioner", {}), StatusIs(kInvalid));
}

TEST(MakePartitioner, NamesTheParametersThereAreWhenItDoesNotKnowOne) {
  EXPECT_THAT(
      MakePartitioner("linear", {{"num_partitions", 2}, {"seed", 2}}),
      StatusIs(kInvalid, "LinearPartitioner: unknown parameter seed, expected num_partitions"));
  EXPECT_THAT(MakePartitioner("natural-id", {{"seed", 2}}),
              StatusIs(kInvalid, "NaturalIdPartitioner: has no parameters, got seed"));
}

TEST(MakePartitioner, RefusesParametersOfAnotherType) {
  const auto dirichlet = [](const std::string& name, PartitionerParameter value) {
    PartitionerParameters parameters = {{"num_partitions", 2}, {"alpha", 1}};
    parameters[name] = std::move(value);
    return MakePartitioner("dirichlet", parameters);
  };

  EXPECT_THAT(dirichlet("num_partitions", 2.0), StatusIs(kInvalid, "expected an integer"));
  EXPECT_THAT(dirichlet("num_partitions", -2), StatusIs(kInvalid, "num_partitions is -2"));
  EXPECT_THAT(dirichlet("seed", -1), StatusIs(kInvalid, "seed is -1"));
  EXPECT_THAT(dirichlet("seed", "42"), StatusIs(kInvalid, "expected an integer"));
  EXPECT_THAT(dirichlet("shuffle", 1), StatusIs(kInvalid, "expected true or false"));
  EXPECT_THAT(dirichlet("alpha", true), StatusIs(kInvalid, "expected a number or a list"));
  EXPECT_THAT(dirichlet("alpha", std::vector<std::int64_t>{1, 2}), IsOk());
  EXPECT_THAT(MakePartitioner("size", {{"partition_sizes", std::vector<double>{1, 2}}}),
              StatusIs(kInvalid, "expected a list of integers"));
  EXPECT_THAT(MakePartitioner("size", {{"partition_sizes", std::vector<std::int64_t>{5, -2}}}),
              StatusIs(kInvalid, "partition_sizes has a -2"));
  EXPECT_THAT(MakePartitioner("grouped-natural-id", {{"group_size", 1}, {"mode", 1}}),
              StatusIs(kInvalid, "mode has another type, expected a text"));
  EXPECT_THAT(MakePartitioner("distribution", {{"distribution_array", std::vector<double>{1}}}),
              StatusIs(kInvalid, "list of lists"));
}

TEST(MakePartitioner, NamesTheModesThereAre) {
  EXPECT_THAT(
      MakePartitioner("grouped-natural-id", {{"group_size", 1}, {"mode", "drop-remainder"}}),
      StatusIs(kInvalid, "expected allow-smaller, allow-bigger, drop-reminder, strict"));
  EXPECT_THAT(MakePartitioner("grouped-natural-id", {{"group_size", 1}, {"mode", ""}}),
              StatusIs(kInvalid, "mode is ''"));
}

TEST(MakePartitioner, SaysWhichRequiredParameterIsMissing) {
  EXPECT_THAT(MakePartitioner("iid", {}), StatusIs(kInvalid, "num_partitions"));
  EXPECT_THAT(MakePartitioner("dirichlet", {{"num_partitions", 2}}), StatusIs(kInvalid, "alpha"));
  EXPECT_THAT(MakePartitioner("continuous", {{"num_partitions", 2}}),
              StatusIs(kInvalid, "strictness"));
  EXPECT_THAT(MakePartitioner("size", {}), StatusIs(kInvalid, "partition_sizes"));
  EXPECT_THAT(MakePartitioner("shard", {{"num_partitions", 2}}),
              StatusIs(kInvalid, "num_shards_per_partition nor shard_size"));
}

TEST(VerticalPartitioner, PutsTheColumnsOfTheActivePartyWhereItIsTold) {
  const auto partitioner =
      MakeVerticalPartitioner("vertical-even", {{"num_partitions", 2},
                                                {"active_party_columns", "y"},
                                                {"active_party_columns_mode", "create_as_last"},
                                                {"shuffle", false}});
  ASSERT_THAT(partitioner, IsOk());
  const std::vector<std::string> columns = {"a", "y", "b", "c"};

  const auto partitions = (*partitioner)->Partition(columns);

  ASSERT_THAT(partitions, IsOk());
  EXPECT_THAT(*partitions, ElementsAre(ElementsAre("a", "b"), ElementsAre("c"), ElementsAre("y")));
}

TEST(VerticalPartitioner, MayLeaveAPartitionWithoutColumns) {
  const auto partitioner =
      MakeVerticalPartitioner("vertical-even", {{"num_partitions", 2}, {"shuffle", false}});
  ASSERT_THAT(partitioner, IsOk());

  const auto partitions = (*partitioner)->Partition(std::vector<std::string>{"a"});

  ASSERT_THAT(partitions, IsOk());
  EXPECT_THAT(*partitions, ElementsAre(ElementsAre("a"), IsEmpty()));
}

TEST(VerticalPartitioner, RefusesMorePartitionsThanAnyoneHas) {
  EXPECT_THAT(MakeVerticalPartitioner("vertical-even", {{"num_partitions", 1'000'001}}),
              StatusIs(kInvalid, "num_partitions is 1000001"));
}

TEST(VerticalPartitioner, RefusesFractionsThatAreNoNumbers) {
  VerticalSizePartitionerOptions options;
  options.partition_sizes = std::vector<double>{std::nan(""), 1};
  EXPECT_THAT(MakeVerticalSizePartitioner(options), StatusIs(kInvalid, "fraction"));
}

}  // namespace
}  // namespace flwrcpp::datasets
