// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace flwrcpp::internal {

/// The arithmetic of a weighted mean for one element type.
struct MeanKernels {
  /// Type of the result. float16, float32, float64 and complex stay; integers and bool become
  /// float64, as a NumPy array does that is multiplied by a Python float.
  std::string_view result_descr;
  /// Bytes of one element of the accumulator. That of float16 is float32.
  std::size_t mean_item_size = 0;
  /// Bytes to be reversed together before the others may be called; 0 for the native byte order.
  std::size_t swap_size = 0;

  /// mean[i] = values[i]. Both are aligned for their elements; `count` is in elements.
  void (*assign)(std::byte* mean, const std::byte* values, std::size_t count) = nullptr;
  /// mean[i] = mean[i] * keep + values[i] * take, computed in double and rounded once.
  void (*blend)(std::byte* mean, const std::byte* values, std::size_t count, double keep,
                double take) = nullptr;
};

/// The kernels for NumPy's type string, e.g. `<f4`; none for a type that has no mean.
std::optional<MeanKernels> FindMeanKernels(std::string_view descr);

/// Reverses each group of `size` bytes: from big-endian to native and back.
void ReverseBytes(std::span<std::byte> bytes, std::size_t size);

}  // namespace flwrcpp::internal
