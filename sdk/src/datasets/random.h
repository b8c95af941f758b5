// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/numeric/int128.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace flwrcpp::internal {

/// The numbers of NumPy's `numpy.random.default_rng(seed)`, the source of chance of flwr-datasets,
/// so that a seed divides a dataset here as it does there.
///
/// A PCG64 (O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms
/// for Random Number Generation", 2014) seeded through NumPy's SeedSequence. Integers and what is
/// made of them are NumPy's exactly and the same on every platform. Real numbers other than
/// `Uniform` agree to about 1e-13 of their size: the platform's exp, log and pow have a part in
/// them.
class Random {
 public:
  /// @param seed nothing: one that nobody knows.
  explicit Random(std::optional<std::uint64_t> seed);

  /// A number below `bound` (above 0), all with the same probability. (`integers(0, bound)`)
  std::uint64_t Below(std::uint64_t bound);

  /// In [0, 1), of 53 random bits. (`random()`)
  double Uniform();

  /// Normally distributed around 0 with deviation 1. (`standard_normal()`)
  double Normal();

  /// Exponentially distributed with mean 1. (`standard_exponential()`)
  double Exponential();

  /// Gamma distributed of scale 1. (`standard_gamma(shape)`)
  double Gamma(double shape);

  /// Proportions that sum to 1. (`dirichlet(alpha)`)
  /// @param alpha all above 0, at least one.
  std::vector<double> Dirichlet(std::span<const double> alpha);

  /// A position in `probabilities`, which sum to 1. (`choice(size, p=probabilities)`)
  std::size_t Choice(std::span<const double> probabilities);

  /// `size` different numbers below `population`, which is no less, in a random order.
  /// (`choice(population, size, replace=False)`)
  std::vector<std::size_t> Sample(std::size_t population, std::size_t size);

  /// (`shuffle(values)`)
  template <typename T>
  void Shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i-- > 1;) {
      std::swap(values[i], values[static_cast<std::size_t>(UpTo(i))]);
    }
  }

 private:
  /// A number up to `last`, found in another way than `Below` does: NumPy has both.
  std::uint64_t UpTo(std::uint64_t last);
  /// Draws the values at the places from the last down to `first`, which is above 0.
  void ShuffleSample(std::span<std::size_t> values, std::size_t first);
  std::uint64_t Next64();
  /// Halves of a 64-bit number, the lower one first.
  std::uint32_t Next32();
  double Beta(double a, double b);

  absl::uint128 state_ = 0;
  absl::uint128 increment_ = 0;
  std::optional<std::uint32_t> upper_half_;
};

}  // namespace flwrcpp::internal
