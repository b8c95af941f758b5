// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrays/array_layout.h"
#include "arrays/real_array.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {

/// A block of the same elements of several arrays, one row for each array.
template <typename T>
class ElementRows {
 public:
  explicit ElementRows(std::size_t rows) : rows_(rows), values_(rows * kStride) {}

  std::size_t size() const { return rows_; }
  T* operator[](std::size_t row) { return &values_[row * kStride]; }

 private:
  // Rows at a distance of a whole page would fall into the same lines of the cache.
  static constexpr std::size_t kStride = kBlockElements + 64 / sizeof(T);

  std::size_t rows_;
  std::vector<T> values_;
};

/// The readers of the array `key` in each of `records`.
/// @return as RealReader::Open, naming the key.
StatusOr<std::vector<RealReader>> OpenEach(const std::string& key,
                                           const std::vector<ArrayRecord>& records);

/// Calls `function(rows, begin, count)` for the blocks of arrays of the same shape. `T` is float or
/// double; what is written to the rows goes nowhere.
template <typename T, typename Function>
void ForEachBlockOfRows(const std::vector<RealReader>& readers, const Function& function) {
  ElementRows<T> rows(readers.size());
  ForEachBlock(readers.front().count(), [&](std::size_t begin, std::size_t count) {
    for (std::size_t r = 0; r < readers.size(); ++r) {
      readers[r].Read(begin, std::span(rows[r], count));
    }
    function(rows, begin, count);
  });
}

/// Sorts the elements at each position below `count`: row 0 gets the smallest ones. None may be
/// NaN.
void SortRows(ElementRows<float>& rows, std::size_t count);
void SortRows(ElementRows<double>& rows, std::size_t count);

/// The median of sorted rows, at least one, at each position below `count`.
template <typename T>
void MedianOfSorted(ElementRows<T>& rows, std::size_t count, T* out) {
  const T* const low = rows[(rows.size() - 1) / 2];
  const T* const high = rows[rows.size() / 2];
  if (low == high) {
    std::copy(low, low + count, out);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = static_cast<T>((static_cast<double>(low[i]) + static_cast<double>(high[i])) / 2);
  }
}

/// The mean of the rows from `begin` to before `end`, at least one, at each position below `count`.
template <typename T>
void MeanOfRows(ElementRows<T>& rows, std::size_t begin, std::size_t end, std::size_t count,
                T* out) {
  std::array<double, kBlockElements> sums = {};
  for (std::size_t r = begin; r < end; ++r) {
    const T* const row = rows[r];
    for (std::size_t i = 0; i < count; ++i) sums[i] += static_cast<double>(row[i]);
  }
  const double number = static_cast<double>(end - begin);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<T>(sums[i] / number);
}

/// Makes one model of several, block by block: `kernel(ElementRows<T>& rows, std::size_t count,
/// T* out)` makes `count` elements of those in the rows, which it may change. T is float, or double
/// for arrays that are float64 in the result. The arrays of `records` are let go key by key.
/// @param layout what the result has: keys, shapes, types.
/// @param records at least one; each has the keys and shapes of `layout` and real numbers.
/// @return `kResourceExhausted` without memory.
template <typename Kernel>
StatusOr<ArrayRecord> CombineElements(const ArrayLayout& layout, std::vector<ArrayRecord> records,
                                      const Kernel& kernel) {
  ArrayRecord model;
  for (const ArrayLayout::Item& item : layout.items()) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<RealReader> readers, OpenEach(item.key, records));
    for (ArrayRecord& record : records) *record.Find(item.key) = Array();
    FLWRCPP_ASSIGN_OR_RETURN(RealWriter writer,
                             RealWriter::Allocate(item.result_descr, item.shape));
    WithWorkType(item.result_descr, [&]<typename T>() {
      std::array<T, kBlockElements> out;
      ForEachBlockOfRows<T>(readers,
                            [&](ElementRows<T>& rows, std::size_t begin, std::size_t count) {
                              kernel(rows, count, out.data());
                              writer.Write(begin, std::span<const T>(out).first(count));
                            });
    });
    FLWRCPP_ASSIGN_OR_RETURN(Array array, writer.Finish());
    model.Set(item.key, std::move(array));
  }
  return model;
}

}  // namespace flwrcpp::internal
