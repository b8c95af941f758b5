// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrays/array_layout.h"
#include "arrays/npy_buffer.h"
#include "flwrcpp/array.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Elements of a block: those of a few arrays stay in the first-level cache together.
inline constexpr std::size_t kBlockElements = 1024;

/// Calls `function(begin, count)` for the blocks that `count` elements fall into.
template <typename Function>
void ForEachBlock(std::size_t count, const Function& function) {
  for (std::size_t begin = 0; begin < count; begin += kBlockElements) {
    function(begin, std::min(kBlockElements, count - begin));
  }
}

/// Calls `function.template operator()<T>()` with the type that arrays are computed in whose mean
/// has the type `result_descr`: float for float16 and float32, else double.
template <typename Function>
decltype(auto) WithWorkType(std::string_view result_descr, const Function& function) {
  if (result_descr == "<f8") return function.template operator()<double>();
  return function.template operator()<float>();
}

/// The elements of an array of real numbers, block by block, in C order, whatever type, byte order
/// and order they are stored in.
class RealReader {
 public:
  /// @return `kInvalidArgument` for a damaged array, or one that is not of real numbers;
  ///   `kResourceExhausted` without memory to bring it into C order.
  static StatusOr<RealReader> Open(const Array& array);

  const std::vector<std::int64_t>& shape() const { return header_.shape; }
  std::size_t count() const { return static_cast<std::size_t>(header_.element_count()); }
  /// Type of the array's mean: its own for floating-point numbers, else `<f8`.
  const std::string& result_descr() const { return result_descr_; }

  /// The elements from `begin`; at most kBlockElements, all of which must be there. `T` is float or
  /// double.
  template <typename T>
  void Read(std::size_t begin, std::span<T> out) const {
    const bool is_double = kernels_.mean_item_size == sizeof(double);
    if (is_double == std::is_same_v<T, double>) {
      ReadAsStored(begin, out.size(), reinterpret_cast<std::byte*>(out.data()));
      return;
    }
    std::array<std::conditional_t<std::is_same_v<T, double>, float, double>, kBlockElements> other;
    ReadAsStored(begin, out.size(), reinterpret_cast<std::byte*>(other.data()));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(other[i]);
  }

 private:
  RealReader(Array array, NpyHeader header, MeanKernels kernels);

  /// As double if the mean of such arrays is float64, else as float.
  void ReadAsStored(std::size_t begin, std::size_t count, std::byte* out) const;

  Array array_;
  NpyHeader header_;
  MeanKernels kernels_;
  std::string result_descr_;
};

/// An array of real numbers that is written block by block, in C order.
class RealWriter {
 public:
  /// @param descr `<f2`, `<f4` or `<f8`.
  /// @return `kResourceExhausted` without memory.
  static StatusOr<RealWriter> Allocate(std::string_view descr, std::vector<std::int64_t> shape);

  /// `T` is what WithWorkType gives for the type of the array.
  template <typename T>
  void Write(std::size_t begin, std::span<const T> values) {
    if (is_float16_) {
      WriteFloat16(begin, values.data(), values.size());
    } else {
      std::copy(values.begin(), values.end(), reinterpret_cast<T*>(buffer_.data()) + begin);
    }
  }

  /// Call once, last, when all elements are written.
  StatusOr<Array> Finish() { return buffer_.ToArray(); }

 private:
  void WriteFloat16(std::size_t begin, const float* values, std::size_t count);
  void WriteFloat16(std::size_t, const double*, std::size_t) {}  // float16 is computed in float

  NpyBuffer buffer_;
  bool is_float16_ = false;
};

}  // namespace flwrcpp::internal
