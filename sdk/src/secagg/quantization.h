// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "secagg/settings.h"

namespace flwrcpp::internal::secagg {

/// A node's number of examples as it is added up: in units of `max_weight / target_range`.
inline std::int64_t QuantizeWeight(std::int64_t num_examples, const Settings& settings) {
  // Halves to even, as the default rounding mode of the processor and Python's round() do.
  return std::llrint(static_cast<double>(num_examples) / settings.max_weight *
                     static_cast<double>(settings.target_range));
}

/// Whole numbers from 0 to `target_range` for `values` times `factor`, clipped to
/// ±`clipping_range`. What lies between two is rounded up with the probability that makes the mean
/// right. `T` is float or double, in which all is computed as NumPy does for arrays of that type.
/// @param uniform gives numbers in [0, 1), one for each value.
/// @return false if a value is NaN, or becomes it; `out` is not complete then.
template <typename T, typename Uniform>
bool Quantize(std::span<const T> values, double factor, const Settings& settings, Uniform&& uniform,
              std::span<std::uint64_t> out) {
  const T weight = static_cast<T>(factor);
  const T clip = static_cast<T>(settings.clipping_range);
  const T scale =
      static_cast<T>(static_cast<double>(settings.target_range) / (2 * settings.clipping_range));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T weighted = values[i] * weight;
    if (std::isnan(weighted)) return false;
    const T exact = (std::clamp(weighted, -clip, clip) + clip) * scale;
    const T above = std::ceil(exact);
    const bool down = uniform() < static_cast<double>(above) - static_cast<double>(exact);
    out[i] = static_cast<std::uint64_t>(above) - (down ? 1 : 0);
  }
  return true;
}

/// The mean of what `count` nodes quantized, from the sum of their numbers and of their weights.
class Dequantizer {
 public:
  Dequantizer(const Settings& settings, std::size_t count, std::uint64_t weight_sum)
      : step_(2 * settings.clipping_range / static_cast<double>(settings.target_range)),
        shift_(-settings.clipping_range),
        offset_(-(static_cast<double>(count) - 1) * settings.clipping_range),
        factor_(static_cast<double>(settings.target_range) / static_cast<double>(weight_sum)) {}

  double operator()(std::uint64_t sum) const {
    return (static_cast<double>(sum) * step_ + shift_ + offset_) * factor_;
  }

 private:
  double step_;
  double shift_;
  double offset_;
  double factor_;
};

}  // namespace flwrcpp::internal::secagg
