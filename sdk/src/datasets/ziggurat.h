// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace flwrcpp::internal {

/// The area under a falling density, covered by 256 layers of one size (Marsaglia and Tsang, "The
/// Ziggurat Method for Generating Random Variables", 2000). A number is a random position in a
/// random layer; most positions are under the curve without a look at the density.
///
/// Layer 0 is the lowest: a rectangle and the tail beyond it. Layer 255 is the one on it, layer 1
/// the one at the top.
struct Ziggurat {
  static constexpr std::size_t kLayers = 256;

  /// Positions below this are under the curve whatever their height.
  std::array<std::uint64_t, kLayers> inside;
  /// What a position is multiplied with to be a number.
  std::array<double, kLayers> widths;
  /// The density at the right end of a layer.
  std::array<double, kLayers> densities;

  /// A height in a layer other than the lowest; `fraction` 0 is its bottom.
  double Between(std::size_t layer, double fraction) const {
    return (densities[layer - 1] - densities[layer]) * fraction + densities[layer];
  }
};

/// Where the tails begin, for 256 layers.
inline constexpr double kNormalTail = 3.6541528853610087963519472518;
inline constexpr double kExponentialTail = 7.6971174701310497140446280481;

/// Of exp(-x²/2), for positions of 52 bits.
const Ziggurat& NormalZiggurat();

/// Of exp(-x), for positions of 53 bits.
const Ziggurat& ExponentialZiggurat();

}  // namespace flwrcpp::internal
