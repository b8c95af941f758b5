// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <bit>
#include <cstdint>

namespace flwrcpp::internal {

/// IEEE 754 half precision as it lies in memory. Converted by hand: the compiler's own `_Float16`
/// calls a library function for each element on processors without F16C.
struct Float16 {
  std::uint16_t bits = 0;
};

/// Exact. Without branches, so that loops over it become vector code.
inline float ToFloat(Float16 half) {
  // Exponent and mantissa as if they were a float's, then moved from bias 15 to bias 127; the
  // product also normalises subnormals.
  const float scaled =
      std::bit_cast<float>(static_cast<std::uint32_t>(half.bits & 0x7fffU) << 13U) * 0x1p112F;
  const std::uint32_t infinite_or_nan = scaled >= 0x1p16F ? 0x7f800000U : 0U;
  const std::uint32_t sign = static_cast<std::uint32_t>(half.bits & 0x8000U) << 16U;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | infinite_or_nan | sign);
}

/// Rounds to the nearest, ties to even; too large becomes infinity, NaN stays NaN.
inline Float16 ToFloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint16_t sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return {static_cast<std::uint16_t>(sign | 0x7e00U)};
  // 65520 and more round to infinity.
  if (magnitude >= 0x477ff000U) return {static_cast<std::uint16_t>(sign | 0x7c00U)};
  if (magnitude < 0x38800000U) {
    // Below the smallest normal half, 2^-14: adding 0.5 lets the addition do the rounding to
    // multiples of 2^-24, which then stand in the lowest bits.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) & 0xffffU))};
  }
  const std::uint32_t odd = (magnitude >> 13U) & 1U;
  const std::uint32_t rounded = magnitude - (112U << 23U) + 0xfffU + odd;
  return {static_cast<std::uint16_t>(sign | (rounded >> 13U))};
}

}  // namespace flwrcpp::internal
