// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace flwrcpp::internal {

/// The sum as NumPy rounds it, which adds in eight lanes and halves what is longer than 128 values
/// (Higham, "The accuracy of floating point summation", 1993). Where a sum decides what a size is
/// rounded down to, another order of adding would now and then give another size.
template <typename T>
T PairwiseSum(std::span<const T> values) {
  constexpr std::size_t kLanes = 8;
  constexpr std::size_t kBlock = 128;
  if (values.size() > kBlock) {
    std::size_t half = values.size() / 2;
    half -= half % kLanes;
    return PairwiseSum(values.first(half)) + PairwiseSum(values.subspan(half));
  }
  T sum = 0;
  std::size_t done = 0;
  if (values.size() >= kLanes) {
    std::array<T, kLanes> lanes{};
    for (; done + kLanes <= values.size(); done += kLanes) {
      for (std::size_t i = 0; i < kLanes; ++i) lanes[i] += values[done + i];
    }
    sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
          ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
  for (; done < values.size(); ++done) sum += values[done];
  return sum;
}

}  // namespace flwrcpp::internal
