// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/ziggurat.h"

#include <cmath>

namespace flwrcpp::internal {
namespace {

/// @param tail where it begins
/// @param area of each layer: `tail` times the density there, plus the tail
/// @param positions how many there are in a layer
template <typename Density, typename Inverse>
Ziggurat Build(double tail, double area, double positions, Density density, Inverse inverse) {
  Ziggurat layers{};
  constexpr std::size_t kLast = Ziggurat::kLayers - 1;
  double right = tail;
  layers.widths[kLast] = right / positions;
  layers.densities[kLast] = density(right);
  // The lowest layer counts as a rectangle of the same area: as wide as that, and as high as the
  // density where the tail begins.
  const double base = area / density(tail);
  layers.widths[0] = base / positions;
  layers.densities[0] = 1;
  layers.inside[0] = static_cast<std::uint64_t>(tail / base * positions);
  for (std::size_t i = kLast - 1; i > 0; --i) {
    const double next = inverse(area / right + layers.densities[i + 1]);
    layers.inside[i + 1] = static_cast<std::uint64_t>(next / right * positions);
    layers.widths[i] = next / positions;
    layers.densities[i] = density(next);
    right = next;
  }
  layers.inside[1] = 0;
  return layers;
}

}  // namespace

const Ziggurat& NormalZiggurat() {
  static const Ziggurat layers = Build(
      kNormalTail, 0.0049286732339746549, 0x1p52, [](double x) { return std::exp(-0.5 * x * x); },
      [](double y) { return std::sqrt(-2 * std::log(y)); });
  return layers;
}

const Ziggurat& ExponentialZiggurat() {
  static const Ziggurat layers = Build(
      kExponentialTail, 0.0039496598225815572, 0x1p53, [](double x) { return std::exp(-x); },
      [](double y) { return -std::log(y); });
  return layers;
}

}  // namespace flwrcpp::internal
