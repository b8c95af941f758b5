// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "flwrcpp/array.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "strategy/mean_kernels.h"
#include "strategy/npy_buffer.h"

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
    std::string key;
    std::vector<std::int64_t> shape;
    std::size_t count = 0;  ///< Elements.
    std::string result_descr;
    std::size_t mean_item_size = 0;  ///< Bytes of an element of `mean`.
    bool fortran_order = false;      ///< Of `mean`.
    NpyBuffer mean;                  ///< Without memory until the first weight above 0.
  };

  /// The same array of the record at hand.
  struct Source {
    Array* array = nullptr;
    NpyHeader header;
    MeanKernels kernels;
  };

  static StatusOr<Source> Open(const std::string& key, Array& array);
  StatusOr<std::vector<Source>> OpenAsReference(ArrayRecord& arrays,
                                                std::vector<Entry>& entries) const;
  StatusOr<std::vector<Source>> OpenAndCompare(ArrayRecord& arrays) const;
  Status AddSources(const std::vector<Source>& sources, double weight, std::vector<Entry>& entries);

  std::vector<Entry> entries_;  ///< In the order of the first record.
  bool has_reference_ = false;  ///< A first record was added.
  std::uint64_t reference_node_id_ = 0;
  double total_weight_ = 0;
};

}  // namespace flwrcpp::internal
