// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace flwrcpp::internal::secagg {

/// An element of GF(2^128) modulo x^128 + x^7 + x^2 + x + 1; the lowest bit is the coefficient of
/// 1. Operations take the same time and touch the same memory whatever the values are.
class Gf128 {
 public:
  static constexpr std::size_t kBytes = 16;

  explicit constexpr Gf128(std::uint64_t low) : low_(low) {}

  /// From kBytes bytes, big-endian.
  static constexpr Gf128 Load(std::string_view bytes) {
    Gf128 element(0);
    for (std::size_t i = 0; i < 8; ++i) {
      element.high_ = element.high_ << 8 | static_cast<unsigned char>(bytes[i]);
      element.low_ = element.low_ << 8 | static_cast<unsigned char>(bytes[8 + i]);
    }
    return element;
  }

  constexpr void Store(std::span<char, kBytes> bytes) const {
    for (std::size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<char>(high_ >> (56 - 8 * i) & 255);
      bytes[8 + i] = static_cast<char>(low_ >> (56 - 8 * i) & 255);
    }
  }

  friend constexpr Gf128 operator+(Gf128 a, Gf128 b) {
    a.high_ ^= b.high_;
    a.low_ ^= b.low_;
    return a;
  }

  friend constexpr Gf128 operator*(Gf128 a, Gf128 b) {
    Gf128 product(0);
    for (int bit = 0; bit < 128; ++bit) {
      const std::uint64_t taken = 0 - (b.low_ & 1);
      product.high_ ^= a.high_ & taken;
      product.low_ ^= a.low_ & taken;
      b.low_ = b.low_ >> 1 | b.high_ << 63;
      b.high_ >>= 1;
      const std::uint64_t carry = 0 - (a.high_ >> 63);
      a.high_ = a.high_ << 1 | a.low_ >> 63;
      a.low_ = a.low_ << 1 ^ (carry & kReduction);
    }
    return product;
  }

  /// What gives 1 with this element; 0 for 0.
  constexpr Gf128 Inverse() const {
    // Its power 2^128 - 2, which is 2 + 4 + 8 + … + 2^127.
    Gf128 square = *this;
    Gf128 power(1);
    for (int i = 1; i < 128; ++i) {
      square = square * square;
      power = power * square;
    }
    return power;
  }

  friend constexpr bool operator==(const Gf128&, const Gf128&) = default;

 private:
  static constexpr std::uint64_t kReduction = 0x87;  // x^7 + x^2 + x + 1

  std::uint64_t high_ = 0;
  std::uint64_t low_;
};

}  // namespace flwrcpp::internal::secagg
