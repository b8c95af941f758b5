// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server/npy_buffer.h"

#include <cstring>
#include <new>

#include "internal/errors.h"
#include "records/npy.h"

namespace flwrcpp::internal {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

StatusOr<NpyBuffer> NpyBuffer::Allocate(const NpyHeader& header, std::size_t data_size) {
  const std::string head = MakeNpyPrefix(header.descr, header.fortran_order, header.shape);
  NpyBuffer buffer;
  buffer.data_offset_ = head.size();
  buffer.size_ = head.size() + data_size;
  void* const block = ::operator new(buffer.size_, kAlignment, std::nothrow);
  if (block == nullptr) {
    return MakeError(StatusCode::kResourceExhausted, "no memory for {} bytes", buffer.size_);
  }
  buffer.block_.reset(static_cast<std::byte*>(block),
                      [](std::byte* memory) { ::operator delete(memory, kAlignment); });
  std::memcpy(block, head.data(), head.size());
  return buffer;
}

StatusOr<Array> NpyBuffer::ToArray() const {
  return Array::FromNpy(
      Bytes(block_, std::string_view(reinterpret_cast<const char*>(block_.get()), size_)));
}

}  // namespace flwrcpp::internal
