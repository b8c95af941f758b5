// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flwrcpp/array.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A `.npy` file to be filled in place like NpyBuffer, but in blocks of the size in which arrays
/// are sent: each is a chunk as it is, and takes the memory of a chunk that came and was let go.
class NpyPieces {
 public:
  NpyPieces() = default;

  /// @param data_size bytes of all elements.
  NpyPieces(const NpyHeader& header, std::size_t data_size);

  /// Number of pieces.
  std::size_t size() const { return blocks_.size(); }

  /// Room for the elements of a piece, in their order, without memory until it is asked for the
  /// first time, and not initialised then. Aligned to 64 bytes; holds whole elements.
  /// @return `kResourceExhausted` when there is no memory.
  StatusOr<std::span<std::byte>> Piece(std::size_t index);

  /// The array, when each piece has its memory. Do not write to the pieces after the result has
  /// been given away.
  Array ToArray() const;

 private:
  std::size_t BlockSize(std::size_t index) const;

  NpyHeader header_;
  std::string head_;
  std::size_t size_ = 0;                         // of the file
  std::vector<std::shared_ptr<char[]>> blocks_;  // the first one begins with the head
};

}  // namespace flwrcpp::internal
