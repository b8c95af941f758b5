// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "flwrcpp/array.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A `.npy` file to be filled in place: the head, then room for the elements, in one block that
/// becomes an Array as it is. The elements are aligned to 64 bytes and not initialised.
class NpyBuffer {
 public:
  NpyBuffer() = default;

  /// @param data_size bytes of all elements.
  /// @return `kResourceExhausted` when there is no memory.
  static StatusOr<NpyBuffer> Allocate(const NpyHeader& header, std::size_t data_size);

  std::byte* data() const { return reinterpret_cast<std::byte*>(block_.get() + data_offset_); }

  /// The array. Do not write to `data()` after the result has been given away.
  StatusOr<Array> ToArray() const;

 private:
  std::shared_ptr<char[]> block_;
  std::size_t data_offset_ = 0;
  std::size_t size_ = 0;
};

}  // namespace flwrcpp::internal
