// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/pooling.h"

#include <bit>
#include <cstdint>

namespace flwrcpp::task {
namespace {

/// All bits set if `condition`. Bits instead of branches, so that the compiler uses vectors.
std::uint32_t Mask(bool condition) { return std::uint32_t{0} - (condition ? 1U : 0U); }

float Masked(std::uint32_t bits, std::uint32_t mask) { return std::bit_cast<float>(bits & mask); }

}  // namespace

void PoolRelu(const float* in, float* out, std::size_t rows, std::size_t columns) {
  for (std::size_t row = 0; row < rows; ++row) {
    const float* __restrict upper = in + row * 4 * columns;
    const float* __restrict lower = upper + 2 * columns;
    float* __restrict pooled = out + row * columns;
    for (std::size_t i = 0; i < columns; ++i) {
      const float a = upper[2 * i] > upper[2 * i + 1] ? upper[2 * i] : upper[2 * i + 1];
      const float b = lower[2 * i] > lower[2 * i + 1] ? lower[2 * i] : lower[2 * i + 1];
      const float largest = a > b ? a : b;
      pooled[i] = largest <= 0 ? 0 : largest;  // A NaN stays one.
    }
  }
}

void PoolReluBackward(const float* in, const float* out, const float* out_gradient,
                      float* in_gradient, std::size_t rows, std::size_t columns) {
  for (std::size_t row = 0; row < rows; ++row) {
    const float* __restrict upper = in + row * 4 * columns;
    const float* __restrict lower = upper + 2 * columns;
    const float* __restrict pooled = out + row * columns;
    const float* __restrict gradient = out_gradient + row * columns;
    float* __restrict upper_gradient = in_gradient + row * 4 * columns;
    float* __restrict lower_gradient = upper_gradient + 2 * columns;
    for (std::size_t i = 0; i < columns; ++i) {
      const float largest = pooled[i];
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(gradient[i]) & Mask(largest > 0);
      const std::uint32_t first = Mask(upper[2 * i] == largest);
      const std::uint32_t second = Mask(upper[2 * i + 1] == largest) & ~first;
      const std::uint32_t third = Mask(lower[2 * i] == largest) & ~(first | second);
      upper_gradient[2 * i] = Masked(bits, first);
      upper_gradient[2 * i + 1] = Masked(bits, second);
      lower_gradient[2 * i] = Masked(bits, third);
      lower_gradient[2 * i + 1] = Masked(bits, ~(first | second | third));
    }
  }
}

}  // namespace flwrcpp::task
