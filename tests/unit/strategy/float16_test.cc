// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "arrays/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace flwrcpp::internal {
namespace {

TEST(Float16Test, EveryHalfSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const Float16 half{static_cast<std::uint16_t>(bits)};
    const float value = ToFloat(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(ToFloat(ToFloat16(value)))) << bits;
    } else {
      EXPECT_EQ(ToFloat16(value).bits, half.bits) << bits;
    }
  }
}

TEST(Float16Test, KnownValuesAreExact) {
  EXPECT_EQ(ToFloat({0x0001}), 0x1p-24F);  // least subnormal
  EXPECT_EQ(ToFloat({0x0400}), 0x1p-14F);  // least normal
  EXPECT_EQ(ToFloat({0x3c00}), 1.0F);
  EXPECT_EQ(ToFloat({0xc000}), -2.0F);
  EXPECT_EQ(ToFloat({0x7bff}), 65504.0F);
  EXPECT_EQ(ToFloat({0x7c00}), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(ToFloat({0x7e01})));
  EXPECT_TRUE(std::signbit(ToFloat({0x8000})));
}

TEST(Float16Test, RoundsToNearestAndTiesToEven) {
  EXPECT_EQ(ToFloat16(1.0F + 0x1p-11F).bits, 0x3c00);      // tie, down to even
  EXPECT_EQ(ToFloat16(1.0F + 3 * 0x1p-11F).bits, 0x3c02);  // tie, up to even
  EXPECT_EQ(ToFloat16(1.0F + 1.01F * 0x1p-11F).bits, 0x3c01);
  EXPECT_EQ(ToFloat16(0x1p-25F).bits, 0x0000);       // tie between 0 and the least
  EXPECT_EQ(ToFloat16(0x1.8p-24F).bits, 0x0002);     // tie between subnormals
  EXPECT_EQ(ToFloat16(-0x1.ffcp-15F).bits, 0x8400);  // up into the normal numbers
  EXPECT_EQ(ToFloat16(65519.0F).bits, 0x7bff);
  EXPECT_EQ(ToFloat16(65520.0F).bits, 0x7c00);
  EXPECT_EQ(ToFloat16(-1e30F).bits, 0xfc00);
}

}  // namespace
}  // namespace flwrcpp::internal
