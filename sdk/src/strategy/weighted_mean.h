// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arrays/array_layout.h"
#include "arrays/npy_pieces.h"
#include "flwrcpp/array.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// The weighted mean of ArrayRecords as a stream: memory holds the accumulator only, whatever the
/// number of records.
///
/// The first record sets keys, shapes and element types. float16, float32, float64 and complex
/// arrays keep their type, integers and bool become float64; the result is little-endian.
/// It is in Fortran order where all records are, else in C order. It depends on the order of the
/// records only by rounding. Not thread-safe.
class WeightedArrayMean {
 public:
  /// Adds `arrays` with `weight`, which must be finite and not negative. Records with weight 0 are
  /// checked like any other, but have no part in the mean. All or nothing: after an error the mean
  /// is what it was before. Each array is let go as soon as it is added, so that the first record
  /// and the mean that it becomes need the memory of one.
  /// @param node_id who sent it, for the errors of later records.
  /// @return `kInvalidArgument` naming the key that is missing, unexpected, damaged, of another
  ///   shape or type, or whose type has no mean; `kResourceExhausted` without memory.
  Status Add(std::uint64_t node_id, ArrayRecord arrays, double weight);

  /// Sum of the weights so far.
  double total_weight() const { return total_weight_; }

  /// The mean, its keys in the order of the first record. Call once, last.
  /// @return `kFailedPrecondition` for a total weight of 0, `kResourceExhausted` without memory.
  StatusOr<ArrayRecord> Finish();

 private:
  /// One array of the model.
  struct Entry {
    ArrayLayout::Item layout;
    std::size_t count = 0;           ///< Elements.
    std::size_t mean_item_size = 0;  ///< Bytes of an element of `mean`.
    bool fortran_order = false;      ///< Of `mean`.
    NpyPieces mean;                  ///< Without memory until the first weight above 0.
  };

  Status AddArrays(const std::vector<OpenedArray>& arrays, double weight,
                   std::vector<Entry>& entries);

  std::vector<Entry> entries_;         ///< In the order of the first record.
  std::optional<ArrayLayout> layout_;  ///< Of the first record.
  double total_weight_ = 0;
};

}  // namespace flwrcpp::internal
