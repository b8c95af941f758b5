// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "arrays/npy_pieces.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "internal/block.h"
#include "internal/errors.h"
#include "records/npy.h"
#include "records/object.h"

namespace flwrcpp::internal {

NpyPieces::NpyPieces(const NpyHeader& header, std::size_t data_size)
    : header_(header),
      head_(MakeNpyPrefix(header.descr, header.fortran_order, header.shape)),
      size_(head_.size() + data_size),
      blocks_((size_ + kArrayChunkSize - 1) / kArrayChunkSize) {}

StatusOr<std::span<std::byte>> NpyPieces::Piece(std::size_t index) {
  const std::size_t size = BlockSize(index);
  const std::size_t used = index == 0 ? head_.size() : 0;
  std::shared_ptr<char[]>& block = blocks_[index];
  if (block == nullptr) {
    block = AllocateBlock(size);
    if (block == nullptr) {
      return MakeError(StatusCode::kResourceExhausted, "no memory for {} bytes", size);
    }
    std::memcpy(block.get(), head_.data(), used);
  }
  return std::as_writable_bytes(std::span(block.get() + used, size - used));
}

Array NpyPieces::ToArray() const {
  std::vector<Bytes> segments;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    segments.emplace_back(blocks_[i], std::string_view(blocks_[i].get(), BlockSize(i)));
  }
  return {DtypeOfDescr(header_.descr), header_.shape, std::string(Array::kNumpyStype),
          std::move(segments)};
}

std::size_t NpyPieces::BlockSize(std::size_t index) const {
  return std::min(kArrayChunkSize, size_ - index * kArrayChunkSize);
}

}  // namespace flwrcpp::internal
