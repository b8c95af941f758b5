// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "flwrcpp/datasets/partitioner.h"
#include "tests/support/dataset_files.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::task {
namespace {

using flwrcpp::testing::CifarBatch;
using flwrcpp::testing::DatasetDirectory;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

class TaskDataTest : public ::testing::Test {
 protected:
  TaskDataTest() {
    for (int i = 1; i <= 5; ++i) {
      directory_.Write("data_batch_" + std::to_string(i) + ".bin", CifarBatch({0, 1, 2, 3}, 0));
    }
    directory_.Write("test_batch.bin", CifarBatch({9, 8}, 0));
    options_.dataset = "cifar10";
    options_.data_dir = directory_.path();
    options_.partitioner = "contiguous";
    options_.partitions = {.num_partitions = 4, .samples_per_partition = 5};
    options_.partition_id = 1;
  }

  DatasetDirectory directory_;
  TaskDataOptions options_;
};

TEST_F(TaskDataTest, IsOnePartitionCutIntoTrainingAndValidation) {
  const auto data = LoadTaskData(options_);

  ASSERT_THAT(data, IsOk());
  EXPECT_THAT(data->train.labels, ElementsAre(1, 2, 3, 0));  // Samples 5 to 8 of 0, 1, 2, 3, 0, …
  EXPECT_THAT(data->validation.labels, ElementsAre(1));
}

TEST_F(TaskDataTest, ShufflesBeforeItDividesEvenly) {
  options_.partitioner = "iid";
  options_.partitions = {.num_partitions = 4, .seed = 7};
  const auto data = LoadTaskData(options_);

  ASSERT_THAT(data, IsOk());
  const std::vector<std::size_t> order = datasets::Permutation(20, 7);
  std::vector<std::uint8_t> labels = data->train.labels;
  labels.insert(labels.end(), data->validation.labels.begin(), data->validation.labels.end());
  ASSERT_EQ(labels.size(), 5U);
  for (std::size_t i = 0; i < labels.size(); ++i) EXPECT_EQ(labels[i], order[5 + i] % 4);
}

TEST_F(TaskDataTest, PathologicalPartitionsHaveTwoClassesOrAsManyAsTheParametersSay) {
  options_.partitioner = "pathological";
  options_.partitions = {.num_partitions = 4};
  options_.train_fraction = 1;
  for (const std::size_t classes : {2U, 1U}) {
    if (classes == 1) {
      options_.partitions.parameters["num-classes-per-partition"] = std::int64_t{1};
    }
    for (options_.partition_id = 0; options_.partition_id < 4; ++options_.partition_id) {
      const auto data = LoadTaskData(options_);
      ASSERT_THAT(data, IsOk());
      const std::set<std::uint8_t> labels(data->train.labels.begin(), data->train.labels.end());
      EXPECT_EQ(labels.size(), classes);
    }
  }
}

TEST_F(TaskDataTest, LinearPartitionsGrowWithTheirNumber) {
  options_.partitioner = "linear";
  options_.partitions = {.num_partitions = 4};
  options_.train_fraction = 1;
  for (options_.partition_id = 0; options_.partition_id < 4; ++options_.partition_id) {
    const auto data = LoadTaskData(options_);
    ASSERT_THAT(data, IsOk());
    EXPECT_EQ(data->train.size(), 2 * (options_.partition_id + 1));
  }
}

TEST_F(TaskDataTest, EveryPartitionerCanBeMadeByItsName) {
  for (const std::string& name : TaskPartitionerNames()) {
    options_.partitioner = name;
    EXPECT_THAT(MakeTaskPartitioner(options_), IsOk()) << name;
  }
}

TEST_F(TaskDataTest, MayTrainOnEverythingButNotOnNothing) {
  options_.train_fraction = 1;
  const auto data = LoadTaskData(options_);
  ASSERT_THAT(data, IsOk());
  EXPECT_EQ(data->train.size(), 5U);
  EXPECT_EQ(data->validation.size(), 0U);
  for (const double fraction : {0.0, -0.5, 1.01, std::nan("")}) {
    options_.train_fraction = fraction;
    EXPECT_THAT(LoadTaskData(options_),
                StatusIs(StatusCode::kInvalidArgument, "train_fraction is"));
  }
}

TEST_F(TaskDataTest, TestDataIsTheTestSplit) {
  const auto data = LoadTestData("cifar10", directory_.path());

  ASSERT_THAT(data, IsOk());
  EXPECT_THAT(data->labels, ElementsAre(9, 8));
}

TEST_F(TaskDataTest, ReportsWhatIsWrongWithTheOptions) {
  TaskDataOptions options = options_;
  options.dataset = "mnist";
  EXPECT_THAT(LoadTaskData(options), StatusIs(StatusCode::kInvalidArgument, "'mnist'"));
  options = options_;
  options.partitioner = "random";
  EXPECT_THAT(LoadTaskData(options), StatusIs(StatusCode::kInvalidArgument, "'random'"));
  options = options_;
  options.partition_id = 4;
  EXPECT_THAT(LoadTaskData(options), StatusIs(StatusCode::kOutOfRange, "no partition 4"));
  options = options_;
  options.data_dir = "/nowhere";
  EXPECT_THAT(LoadTaskData(options), StatusIs(StatusCode::kNotFound, "/nowhere"));
}

}  // namespace
}  // namespace flwrcpp::task
