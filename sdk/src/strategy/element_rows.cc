// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/element_rows.h"

#include <bit>

#include "internal/errors.h"

namespace flwrcpp::internal {
namespace {

/// Puts the smaller element of each position into `low`. The compiler makes vector code of it.
template <typename T>
void CompareExchange(T* __restrict low, T* __restrict high, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const T a = low[i];
    const T b = high[i];
    // Each as a minimum or maximum of its own: GCC makes branches of one condition for both.
    const T smaller = b < a ? b : a;
    const T larger = a < b ? b : a;
    low[i] = smaller;
    high[i] = larger;
  }
}

/// Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M). Which
/// rows are compared does not depend on their values, so all positions are sorted side by side and
/// without branches.
template <typename T>
void Sort(ElementRows<T>& rows, std::size_t count) {
  if (rows.size() < 2) return;
  const std::size_t top = std::bit_ceil(rows.size()) / 2;
  for (std::size_t p = top; p > 0; p /= 2) {
    std::size_t q = top;
    std::size_t r = 0;
    std::size_t d = p;
    while (true) {
      for (std::size_t i = 0; i + d < rows.size(); ++i) {
        if ((i & p) == r) CompareExchange(rows[i], rows[i + d], count);
      }
      if (q == p) break;
      d = q - p;
      q /= 2;
      r = p;
    }
  }
}

}  // namespace

StatusOr<std::vector<RealReader>> OpenEach(const std::string& key,
                                           const std::vector<ArrayRecord>& records) {
  std::vector<RealReader> readers;
  for (const ArrayRecord& record : records) {
    StatusOr<RealReader> reader = RealReader::Open(*record.Find(key));
    if (!reader.ok()) return Annotate(reader.status(), "array '" + key + "'");
    readers.push_back(*std::move(reader));
  }
  return readers;
}

void SortRows(ElementRows<float>& rows, std::size_t count) { Sort(rows, count); }
void SortRows(ElementRows<double>& rows, std::size_t count) { Sort(rows, count); }

}  // namespace flwrcpp::internal
