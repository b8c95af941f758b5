// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "task/normalize.h"

namespace flwrcpp::task {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;

// Two windows side by side, two rows of windows.
const std::vector<float> kIn = {1, 4, -1, -2,  //
                                3, 2, -4, -3,  //
                                5, 5, 0,  0,   //
                                5, 0, 0,  7};

TEST(PoolRelu, TakesTheLargestOfEachWindowButNothingNegative) {
  std::vector<float> out(4, -1);

  PoolRelu(kIn.data(), out.data(), 2, 2);

  EXPECT_THAT(out, ElementsAre(4, 0, 5, 7));
}

TEST(PoolRelu, HandsOnThatNothingIsANumber) {
  const std::vector<float> in(16, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> out(4, 0);

  PoolRelu(in.data(), out.data(), 2, 2);

  for (const float value : out) EXPECT_TRUE(std::isnan(value));
}

TEST(PoolReluBackward, GivesTheGradientToTheFirstMaximum) {
  std::vector<float> out(4);
  PoolRelu(kIn.data(), out.data(), 2, 2);
  const std::vector<float> out_gradient = {0.1F, 0.2F, 0.3F, -0.4F};
  std::vector<float> in_gradient(16, 99);

  PoolReluBackward(kIn.data(), out.data(), out_gradient.data(), in_gradient.data(), 2, 2);

  EXPECT_THAT(in_gradient, ElementsAre(0, 0.1F, 0, 0,  //
                                       0, 0, 0, 0,     //
                                       0.3F, 0, 0, 0,  //
                                       0, 0, 0, -0.4F));
}

TEST(Normalize, ScalesBytesToMinusOneToOne) {
  const std::vector<std::uint8_t> bytes = {0, 255, 51, 128};
  std::vector<float> out(4);

  Normalize(bytes, out);

  EXPECT_THAT(out, ElementsAre(-1, 1, FloatEq(-0.6F), FloatNear(1.0F / 255, 1e-7F)));
}

}  // namespace
}  // namespace flwrcpp::task
