// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "arrays/npy_buffer.h"

#include <cstring>

#include "internal/block.h"
#include "internal/errors.h"
#include "records/npy.h"

namespace flwrcpp::internal {

StatusOr<NpyBuffer> NpyBuffer::Allocate(const NpyHeader& header, std::size_t data_size) {
  const std::string head = MakeNpyPrefix(header.descr, header.fortran_order, header.shape);
  NpyBuffer buffer;
  buffer.data_offset_ = head.size();
  buffer.size_ = head.size() + data_size;
  buffer.block_ = AllocateBlock(buffer.size_);
  if (buffer.block_ == nullptr) {
    return MakeError(StatusCode::kResourceExhausted, "no memory for {} bytes", buffer.size_);
  }
  std::memcpy(buffer.block_.get(), head.data(), head.size());
  return buffer;
}

StatusOr<Array> NpyBuffer::ToArray() const {
  return Array::FromNpy(Bytes(block_, {block_.get(), size_}));
}

}  // namespace flwrcpp::internal
