// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// What a `.npy` header says.
struct NpyHeader {
  /// NumPy's type string, e.g. `<f4`, `|u1`, `>f4`, `<U3`.
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  /// Bytes before the first element.
  std::size_t data_offset = 0;
  /// Bytes of one element.
  std::size_t item_size = 0;

  /// Product of the shape; 1 for a scalar.
  std::int64_t element_count() const;
};

/// One n-dimensional array of a model, immutable: a complete `.npy` file (Flower's stype
/// `numpy.ndarray`), or opaque bytes under another stype.
///
/// The data may lie in several segments, as it came over the wire in chunks; the SDK works on
/// segments and joins them only where a caller asks for it. Copies share the data. Thread-safe.
/// Source of the format: `docs/wire-format.md`.
class Array {
 public:
  static constexpr std::string_view kNumpyStype = "numpy.ndarray";

  /// An array without data.
  Array() = default;

  /// The fields as on the wire, taken as they are. Decoding happens in the accessors below.
  Array(std::string dtype, std::vector<std::int64_t> shape, std::string stype,
        std::vector<Bytes> segments);

  /// An array from a complete `.npy` file (versions 1 to 3).
  /// @return `kInvalidArgument` when the bytes are no `.npy` file.
  static StatusOr<Array> FromNpy(Bytes npy);

  /// Writes a new `.npy` in place: `fill` gets the raw element bytes (C order, little-endian).
  /// @param dtype NumPy's name (`float32`, `int64`, `bool`, …).
  /// @return `kInvalidArgument` for an unknown dtype or a negative dimension, `kResourceExhausted`
  ///   without memory.
  static StatusOr<Array> Build(std::string_view dtype, std::vector<std::int64_t> shape,
                               const std::function<void(std::span<std::byte>)>& fill);

  /// An array of `values` in C order; their number must equal the product of `shape`.
  /// `T` is one of the fixed-width integers, `bool`, `float`, `double`.
  template <typename T>
  static StatusOr<Array> From(std::span<const T> values, std::vector<std::int64_t> shape);
  template <typename T>
  static StatusOr<Array> From(const std::vector<T>& values, std::vector<std::int64_t> shape) {
    return From(std::span<const T>(values), std::move(shape));
  }

  /// NumPy's name of the element type, e.g. `float32`, `>f4`. For information: what counts when
  /// reading is the `.npy` header. Empty for arrays of the classic (legacy) layer.
  const std::string& dtype() const { return dtype_; }
  /// For information, as `dtype()`.
  const std::vector<std::int64_t>& shape() const { return shape_; }
  const std::string& stype() const { return stype_; }

  /// The data: the `.npy` file in one or more pieces.
  std::span<const Bytes> segments() const { return segments_; }
  /// Bytes of all segments together.
  std::size_t data_size() const { return data_size_; }
  /// The data in one piece; copies only if there are several segments.
  Bytes Contiguous() const;

  /// Reads the `.npy` header.
  /// @return `kInvalidArgument` for another stype, a damaged header, a dtype NumPy could not load
  ///   without pickling, or data whose size does not fit the header.
  StatusOr<NpyHeader> Header() const;

  /// Copies `out.size()` bytes of the data from `offset`; the range must lie inside.
  void CopyData(std::size_t offset, std::span<std::byte> out) const;

  /// Copies all elements in C order and native byte order, whatever order they are stored in.
  /// @return `kInvalidArgument` as `Header()`, or when `out` is not exactly
  ///   `element_count() * item_size` bytes.
  Status CopyElements(std::span<std::byte> out) const;

  /// All elements as `T`, in C order.
  /// @return `kInvalidArgument` as `Header()`, or when the elements are not of type `T`.
  template <typename T>
  StatusOr<std::vector<T>> ToVector() const;

  /// Equal fields and equal data, however it is cut into segments.
  friend bool operator==(const Array& a, const Array& b);

 private:
  std::string dtype_;
  std::vector<std::int64_t> shape_;
  std::string stype_;
  std::vector<Bytes> segments_;
  std::size_t data_size_ = 0;
};

/// NumPy's type string for a dtype name (`float32` → `<f4`), empty when unknown, and back.
std::string DescrOfDtype(std::string_view dtype);
std::string DtypeOfDescr(std::string_view descr);

}  // namespace flwrcpp
