// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/array.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "internal/block.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/npy.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;

template <typename T>
constexpr std::string_view DtypeName() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, std::int8_t>) return "int8";
  if constexpr (std::is_same_v<T, std::int16_t>) return "int16";
  if constexpr (std::is_same_v<T, std::int32_t>) return "int32";
  if constexpr (std::is_same_v<T, std::int64_t>) return "int64";
  if constexpr (std::is_same_v<T, std::uint8_t>) return "uint8";
  if constexpr (std::is_same_v<T, std::uint16_t>) return "uint16";
  if constexpr (std::is_same_v<T, std::uint32_t>) return "uint32";
  if constexpr (std::is_same_v<T, std::uint64_t>) return "uint64";
  if constexpr (std::is_same_v<T, float>) return "float32";
  if constexpr (std::is_same_v<T, double>) return "float64";
}

/// Reverses the bytes of each element of `width` bytes.
void SwapBytes(std::span<std::byte> bytes, std::size_t width) {
  for (std::size_t i = 0; i + width <= bytes.size(); i += width) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
  }
}

/// Bytes that belong together when the byte order changes: complex numbers are pairs, text is
/// UCS-4, raw strings have no order.
std::size_t SwapWidth(const NpyHeader& header) {
  switch (header.descr[1]) {
    case 'c':
      return header.item_size / 2;
    case 'U':
      return 4;
    case 'S':
    case 'V':
      return 1;
    default:
      return header.item_size;
  }
}

/// Reorders elements from Fortran order (first axis fastest) to C order (last axis fastest).
void FortranToC(std::span<const std::byte> in, std::span<std::byte> out,
                const std::vector<std::int64_t>& shape, std::size_t item_size) {
  std::vector<std::size_t> strides(shape.size());  // of the input, in bytes
  std::size_t stride = item_size;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    strides[axis] = stride;
    stride *= static_cast<std::size_t>(shape[axis]);
  }
  std::vector<std::int64_t> index(shape.size(), 0);
  std::size_t from = 0;
  for (std::size_t to = 0; to < out.size(); to += item_size) {
    std::memcpy(&out[to], &in[from], item_size);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * static_cast<std::size_t>(shape[axis]);
      index[axis] = 0;
    }
  }
}

}  // namespace

std::int64_t NpyHeader::element_count() const {
  std::int64_t count = 1;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  for (const std::int64_t dimension : shape) count *= dimension;
  return count;
}

Array::Array(std::string dtype, std::vector<std::int64_t> shape, std::string stype,
             std::vector<Bytes> segments)
    : dtype_(std::move(dtype)),
      shape_(std::move(shape)),
      stype_(std::move(stype)),
      segments_(std::move(segments)) {
  for (const Bytes& segment : segments_) data_size_ += segment.size();
}

StatusOr<Array> Array::FromNpy(Bytes npy) {
  Array array("", {}, std::string(kNumpyStype), {std::move(npy)});
  FLWRCPP_ASSIGN_OR_RETURN(NpyHeader header, array.Header());
  array.dtype_ = DtypeOfDescr(header.descr);
  array.shape_ = std::move(header.shape);
  return array;
}

StatusOr<Array> Array::Build(std::string_view dtype, std::vector<std::int64_t> shape,
                             const std::function<void(std::span<std::byte>)>& fill) {
  const std::string descr = DescrOfDtype(dtype);
  if (descr.empty()) return InvalidArgument("dtype '{}' is not supported", dtype);
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return InvalidArgument("negative dimension {} in a shape", dimension);
  }
  const std::string prefix = internal::MakeNpyPrefix(descr, false, shape);
  FLWRCPP_ASSIGN_OR_RETURN(const NpyHeader header, internal::ParseNpyPrefix(prefix));
  const std::size_t data_size = static_cast<std::size_t>(header.element_count()) * header.item_size;
  const std::size_t size = prefix.size() + data_size;
  // Not value-initialised: `fill` writes every byte, and a model's memory is touched once.
  std::shared_ptr<char[]> buffer = internal::AllocateBlock(size);
  if (buffer == nullptr) {
    return internal::MakeError(StatusCode::kResourceExhausted, "no memory for {} bytes", size);
  }
  std::memcpy(buffer.get(), prefix.data(), prefix.size());
  fill(std::as_writable_bytes(std::span(buffer.get() + prefix.size(), data_size)));
  const std::string_view view(buffer.get(), size);
  return Array(std::string(dtype), std::move(shape), std::string(kNumpyStype),
               {Bytes(std::move(buffer), view)});
}

template <typename T>
StatusOr<Array> Array::From(std::span<const T> values, std::vector<std::int64_t> shape) {
  NpyHeader header;
  header.shape = shape;
  if (header.element_count() != static_cast<std::int64_t>(values.size())) {
    return InvalidArgument("{} values do not fit a shape of {} elements", values.size(),
                           header.element_count());
  }
  return Build(DtypeName<T>(), std::move(shape), [&](std::span<std::byte> out) {
    if (!out.empty()) std::memcpy(out.data(), values.data(), out.size());
  });
}

Bytes Array::Contiguous() const {
  if (segments_.empty()) return {};
  if (segments_.size() == 1) return segments_[0];
  std::shared_ptr<char[]> buffer = internal::AllocateBlock(data_size_);
  if (buffer == nullptr) throw std::bad_alloc();
  CopyData(0, std::as_writable_bytes(std::span(buffer.get(), data_size_)));
  const std::string_view view(buffer.get(), data_size_);
  return Bytes(std::move(buffer), view);
}

void Array::CopyData(std::size_t offset, std::span<std::byte> out) const {
  for (const Bytes& segment : segments_) {
    if (out.empty()) return;
    if (offset >= segment.size()) {
      offset -= segment.size();
      continue;
    }
    const std::size_t size = std::min(out.size(), segment.size() - offset);
    std::memcpy(out.data(), segment.data() + offset, size);
    out = out.subspan(size);
    offset = 0;
  }
}

StatusOr<NpyHeader> Array::Header() const {
  if (stype_ != kNumpyStype) {
    return InvalidArgument("array of stype '{}' cannot be read, expected '{}'", stype_,
                           kNumpyStype);
  }
  // Usually the prefix lies in the first segment; else it is gathered.
  constexpr std::size_t kFirstBytes = 12;
  std::string gathered;
  const auto first = [&](std::size_t size) -> std::string_view {
    size = std::min(size, data_size_);
    if (!segments_.empty() && segments_[0].size() >= size) {
      return segments_[0].view().substr(0, size);
    }
    gathered.resize(size);
    CopyData(0, std::as_writable_bytes(std::span(gathered)));
    return gathered;
  };
  FLWRCPP_ASSIGN_OR_RETURN(const std::size_t prefix_size,
                           internal::NpyPrefixSize(first(kFirstBytes)));
  FLWRCPP_ASSIGN_OR_RETURN(NpyHeader header, internal::ParseNpyPrefix(first(prefix_size)));
  const std::size_t expected =
      header.data_offset + static_cast<std::size_t>(header.element_count()) * header.item_size;
  if (data_size_ != expected) {
    return InvalidArgument(".npy of {} bytes, but its header asks for {}", data_size_, expected);
  }
  return header;
}

Status Array::CopyElements(std::span<std::byte> out) const {
  FLWRCPP_ASSIGN_OR_RETURN(const NpyHeader header, Header());
  if (out.size() != data_size_ - header.data_offset) {
    return InvalidArgument("array of {} bytes of elements does not fit a buffer of {}",
                           data_size_ - header.data_offset, out.size());
  }
  if (header.fortran_order && header.shape.size() > 1) {
    std::vector<std::byte> stored(out.size());
    CopyData(header.data_offset, stored);
    FortranToC(stored, out, header.shape, header.item_size);
  } else {
    CopyData(header.data_offset, out);
  }
  if (header.descr[0] == '>') SwapBytes(out, SwapWidth(header));
  return absl::OkStatus();
}

template <typename T>
StatusOr<std::vector<T>> Array::ToVector() const {
  FLWRCPP_ASSIGN_OR_RETURN(const NpyHeader header, Header());
  std::string native = header.descr;
  if (native[0] == '>') native[0] = '<';
  if (native != DescrOfDtype(DtypeName<T>())) {
    return InvalidArgument("array has dtype {}, expected {}", DtypeOfDescr(header.descr),
                           DtypeName<T>());
  }
  const std::size_t count = static_cast<std::size_t>(header.element_count());
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<std::uint8_t> bytes(count);
    FLWRCPP_RETURN_IF_ERROR(CopyElements(std::as_writable_bytes(std::span(bytes))));
    return std::vector<bool>(bytes.begin(), bytes.end());
  } else {
    std::vector<T> values(count);
    FLWRCPP_RETURN_IF_ERROR(CopyElements(std::as_writable_bytes(std::span(values))));
    return values;
  }
}

bool operator==(const Array& a, const Array& b) {
  return a.dtype_ == b.dtype_ && a.shape_ == b.shape_ && a.stype_ == b.stype_ &&
         a.data_size_ == b.data_size_ && a.Contiguous() == b.Contiguous();
}

#define FLWRCPP_INSTANTIATE(T)                                                            \
  template StatusOr<Array> Array::From<T>(std::span<const T>, std::vector<std::int64_t>); \
  template StatusOr<std::vector<T>> Array::ToVector<T>() const;
FLWRCPP_INSTANTIATE(bool)
FLWRCPP_INSTANTIATE(std::int8_t)
FLWRCPP_INSTANTIATE(std::int16_t)
FLWRCPP_INSTANTIATE(std::int32_t)
FLWRCPP_INSTANTIATE(std::int64_t)
FLWRCPP_INSTANTIATE(std::uint8_t)
FLWRCPP_INSTANTIATE(std::uint16_t)
FLWRCPP_INSTANTIATE(std::uint32_t)
FLWRCPP_INSTANTIATE(std::uint64_t)
FLWRCPP_INSTANTIATE(float)
FLWRCPP_INSTANTIATE(double)
#undef FLWRCPP_INSTANTIATE

}  // namespace flwrcpp
