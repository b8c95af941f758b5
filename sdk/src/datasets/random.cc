// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/random.h"

#include <cmath>

namespace flwrcpp::internal {

std::uint64_t Random::Below(std::uint64_t bound) {
  // 2^64 is no multiple of most bounds: the lowest 2^64 % bound numbers would come up too often.
  const std::uint64_t threshold = (0 - bound) % bound;
  std::uint64_t number = engine_();
  while (number < threshold) number = engine_();
  return number % bound;
}

double Random::Uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }

double Random::Normal() {
  // Marsaglia's polar method; the second number it could give is not kept.
  while (true) {
    const double x = 2 * Uniform() - 1;
    const double y = 2 * Uniform() - 1;
    const double square = x * x + y * y;
    if (square > 0 && square < 1) return x * std::sqrt(-2 * std::log(square) / square);
  }
}

double Random::LogGamma(double shape) {
  if (shape < 1) return LogGamma(shape + 1) + std::log(Uniform()) / shape;
  // Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = Normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(Uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return std::log(d) + std::log(v);
    }
  }
}

}  // namespace flwrcpp::internal
