// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/federated_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "flwrcpp/datasets/size_partitioners.h"
#include "tests/support/dataset_files.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::DatasetDirectory;
using flwrcpp::testing::IdxImages;
using flwrcpp::testing::IdxLabels;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FederatedDatasetTest : public ::testing::Test {
 protected:
  FederatedDatasetTest() {
    directory_.WriteGzip("train-images-idx3-ubyte.gz", IdxImages(20));
    std::vector<std::uint8_t> labels;
    for (std::uint8_t i = 0; i < 20; ++i) labels.push_back(i % 10);
    directory_.WriteGzip("train-labels-idx1-ubyte.gz", IdxLabels(labels));
    directory_.WriteGzip("t10k-images-idx3-ubyte.gz", IdxImages(3));
    directory_.WriteGzip("t10k-labels-idx1-ubyte.gz", IdxLabels({9, 8, 7}));
  }

  StatusOr<FederatedDataset> Make(double train_fraction) const {
    return FederatedDataset::Make(MakeFashionMnist(directory_.path()),
                                  **MakeIidPartitioner({.num_partitions = 2}), train_fraction);
  }

  DatasetDirectory directory_;
};

TEST_F(FederatedDatasetTest, CutsAPartitionIntoTrainingAndValidation) {
  const auto dataset = Make(0.8);
  ASSERT_THAT(dataset, IsOk());

  const StatusOr<PartitionData> data = dataset->LoadPartition(1);

  ASSERT_THAT(data, IsOk());
  EXPECT_THAT(data->train.labels, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(data->validation.labels, ElementsAre(8, 9));
  EXPECT_THAT(data->train.images, SizeIs(8 * 784));
  EXPECT_THAT(data->train.image(0), Each(10));
  EXPECT_THAT(data->validation.images, SizeIs(2 * 784));
  EXPECT_THAT(data->validation.image(1), Each(19));
}

TEST_F(FederatedDatasetTest, ReadsTheSamplesThatItsIndicesName) {
  const auto dataset = Make(0.5);
  ASSERT_THAT(dataset, IsOk());

  const auto indices = dataset->Indices(0);
  const auto data = dataset->LoadPartition(0);

  ASSERT_THAT(indices, IsOk());
  ASSERT_THAT(data, IsOk());
  ASSERT_THAT(indices->train, SizeIs(5));
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_THAT(data->train.image(i), Each(indices->train[i]));
    EXPECT_THAT(data->validation.image(i), Each(indices->validation[i]));
  }
}

TEST_F(FederatedDatasetTest, MayTrainOnEverything) {
  const auto dataset = Make(1);
  ASSERT_THAT(dataset, IsOk());

  const auto data = dataset->LoadPartition(0);

  ASSERT_THAT(data, IsOk());
  EXPECT_THAT(data->train.labels, SizeIs(10));
  EXPECT_THAT(data->validation.labels, IsEmpty());
}

TEST_F(FederatedDatasetTest, LoadsTheTestSplitWhole) {
  const auto dataset = Make(0.8);
  ASSERT_THAT(dataset, IsOk());

  const auto test = dataset->LoadSplit(kTestSplit);

  ASSERT_THAT(test, IsOk());
  EXPECT_THAT(test->labels, ElementsAre(9, 8, 7));
}

TEST_F(FederatedDatasetTest, HasNoPartitionBeyondTheLast) {
  const auto dataset = Make(0.8);
  ASSERT_THAT(dataset, IsOk());

  EXPECT_EQ(dataset->num_partitions(), 2U);
  EXPECT_THAT(dataset->LoadPartition(2), StatusIs(StatusCode::kOutOfRange, "no partition 2"));
}

TEST_F(FederatedDatasetTest, RejectsAFractionOutOfRange) {
  for (const double fraction : {0.0, -0.5, 1.01, std::nan("")}) {
    EXPECT_THAT(Make(fraction), StatusIs(StatusCode::kInvalidArgument, "train_fraction"));
  }
}

TEST_F(FederatedDatasetTest, ReportsASourceThatCannotBeRead) {
  EXPECT_THAT(FederatedDataset::Make(MakeFashionMnist("/nowhere"),
                                     **MakeIidPartitioner({.num_partitions = 2}), 0.8),
              StatusIs(StatusCode::kNotFound, "/nowhere/train-labels-idx1-ubyte"));
}

}  // namespace
}  // namespace flwrcpp::datasets
