// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "arrays/real_array.h"

#include <optional>

#include "arrays/float16.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {

RealReader::RealReader(Array array, NpyHeader header, MeanKernels kernels)
    : array_(std::move(array)),
      header_(std::move(header)),
      kernels_(kernels),
      result_descr_(kernels.result_descr) {}

StatusOr<RealReader> RealReader::Open(const Array& array) {
  FLWRCPP_ASSIGN_OR_RETURN(NpyHeader header, array.Header());
  const std::optional<MeanKernels> kernels = FindMeanKernels(header.descr);
  if (!kernels.has_value() || header.descr[1] == 'c') {
    return InvalidArgument("has dtype {}, expected real numbers", DtypeOfDescr(header.descr));
  }
  if (!IsFortran(header)) return RealReader(array, std::move(header), *kernels);

  // Rare enough that the array may be held twice.
  const std::size_t size = static_cast<std::size_t>(header.element_count()) * header.item_size;
  header.fortran_order = false;
  if (header.descr.front() == '>') header.descr.front() = '<';
  FLWRCPP_ASSIGN_OR_RETURN(const NpyBuffer c_order, NpyBuffer::Allocate(header, size));
  FLWRCPP_RETURN_IF_ERROR(array.CopyElements(std::span(c_order.data(), size)));
  FLWRCPP_ASSIGN_OR_RETURN(const Array reordered, c_order.ToArray());
  return Open(reordered);
}

void RealReader::ReadAsStored(std::size_t begin, std::size_t count, std::byte* out) const {
  alignas(64) std::byte block[kBlockElements * sizeof(double)];
  const std::span<std::byte> values(block, count * header_.item_size);
  array_.CopyData(header_.data_offset + begin * header_.item_size, values);
  if (kernels_.swap_size > 0) ReverseBytes(values, kernels_.swap_size);
  kernels_.assign(out, block, count);
}

StatusOr<RealWriter> RealWriter::Allocate(std::string_view descr, std::vector<std::int64_t> shape) {
  NpyHeader header;
  header.descr = std::string(descr);
  header.shape = std::move(shape);
  const std::size_t item_size = descr == "<f2" ? 2 : descr == "<f4" ? 4 : 8;
  const std::size_t count = static_cast<std::size_t>(header.element_count());
  RealWriter writer;
  FLWRCPP_ASSIGN_OR_RETURN(writer.buffer_, NpyBuffer::Allocate(header, count * item_size));
  writer.is_float16_ = descr == "<f2";
  return writer;
}

void RealWriter::WriteFloat16(std::size_t begin, const float* values, std::size_t count) {
  auto* const out = reinterpret_cast<Float16*>(buffer_.data()) + begin;
  for (std::size_t i = 0; i < count; ++i) out[i] = ToFloat16(values[i]);
}

}  // namespace flwrcpp::internal
