// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "task/data.h"
#include "task/model.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::task {
namespace {

using flwrcpp::testing::IsOk;

// The whole task on real images: if loading, scaling, the network, its gradients or the optimizer
// were wrong, nothing would be learned.
TEST(Learning, FashionMnistIsLearnedFromASmallPartition) {
  TaskDataOptions options;
  options.partitions = {.num_partitions = 10, .samples_per_partition = 2500};
  const auto data = LoadTaskData(options);
  ASSERT_THAT(data, IsOk());
  auto model = Model::Make(data->train.format, 1);
  ASSERT_THAT(model, IsOk());
  ASSERT_THAT(SetThreads(1), IsOk());

  const auto before = task::Test(*model, data->validation, "cpu");
  TrainOptions train;
  train.shuffle_seed = 1;
  const auto first = Train(*model, data->train, train);
  train.epochs = 4;
  const auto later = Train(*model, data->train, train);
  const auto after = task::Test(*model, data->validation, "cpu");

  ASSERT_THAT(before, IsOk());
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(later, IsOk());
  ASSERT_THAT(after, IsOk());
  EXPECT_LT(before->accuracy, 0.25);  // Untrained: chance is 0.1.
  EXPECT_LT(later->loss, first->loss);
  EXPECT_LT(after->loss, before->loss);
  EXPECT_GT(after->accuracy, 0.65);
  EXPECT_EQ(after->num_examples, 500U);
}

}  // namespace
}  // namespace flwrcpp::task
