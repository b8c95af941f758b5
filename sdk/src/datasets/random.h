// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <utility>

namespace flwrcpp::internal {

/// Random numbers that depend on the seed alone, not on the standard library's distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// A number below `bound` (above 0), all with the same probability.
  std::uint64_t Below(std::uint64_t bound);

  /// A number in (0, 1), of 53 random bits; never 0, so that its logarithm is finite.
  double Uniform();

  /// Normally distributed around 0 with deviation 1.
  double Normal();

  /// Logarithm of a gamma-distributed number of scale 1. A logarithm, because for small `shape`
  /// the number itself is often below what a double can hold.
  double LogGamma(double shape);

  template <typename T>
  void Shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[static_cast<std::size_t>(Below(i))]);
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace flwrcpp::internal
