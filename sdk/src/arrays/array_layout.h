// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arrays/mean_kernels.h"
#include "flwrcpp/array.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// An array whose header was read and whose elements can be computed with.
struct OpenedArray {
  Array* array = nullptr;  ///< In the record it was opened in.
  NpyHeader header;
  MeanKernels kernels;

  std::size_t count() const { return static_cast<std::size_t>(header.element_count()); }
};

/// True if the elements lie in Fortran order and that is another one than C order.
bool IsFortran(const NpyHeader& header);

/// The keys, shapes and types that all ArrayRecords of a round have to have, taken from the first
/// one or from the global model. Immutable.
class ArrayLayout {
 public:
  struct Item {
    std::string key;
    std::vector<std::int64_t> shape;
    std::string result_descr;  ///< Of the array's mean: nodes may send what has the same one.
  };

  /// Fits nothing but a record without arrays.
  ArrayLayout() = default;

  /// The layout of a reply.
  /// @return `kInvalidArgument` naming the array that is damaged or has a type without a mean.
  static StatusOr<ArrayLayout> OfReply(const ArrayRecord& arrays, std::uint64_t node_id);

  /// The layout of the global model. Its types do not matter: what counts is that differences can
  /// be formed, and nodes may train in another precision.
  static StatusOr<ArrayLayout> OfGlobalModel(const ArrayRecord& arrays);

  /// The arrays of `arrays` in the order of this layout.
  /// @return `kInvalidArgument` naming the key that is missing, unexpected, damaged, of another
  ///   shape or type, or whose type has no mean.
  StatusOr<std::vector<OpenedArray>> Open(ArrayRecord& arrays) const;

  const std::vector<Item>& items() const { return items_; }

 private:
  static StatusOr<ArrayLayout> Of(const ArrayRecord& arrays);

  std::vector<Item> items_;
  bool types_matter_ = false;
  std::string owner_;  ///< For errors: whose layout this is …
  std::string_view has_ = "has";
  std::string_view lacks_ = "does not have";
};

/// @return `kInvalidArgument` naming an array that is not of real numbers if there is one.
Status CheckReal(const ArrayRecord& arrays);

}  // namespace flwrcpp::internal
