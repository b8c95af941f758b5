// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/npy_column.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/npy.h"

namespace flwrcpp::internal {
namespace {

using datasets::ArrayColumn;
using datasets::Column;

/// Pieces in which data is read, so that a header that lies allocates no more than there is.
constexpr std::size_t kPiece = std::size_t{1} << 20;

StatusOr<NpyHeader> ReadHeader(const NpyInput& input) {
  // The length field ends at byte 10 or 12; an .npy with a header is longer.
  std::string prefix(12, '\0');
  if (input.size < prefix.size()) {
    return MakeError(StatusCode::kDataLoss, "'{}' has {} bytes: it is no .npy file, or truncated",
                     input.where, input.size);
  }
  FLWRCPP_RETURN_IF_ERROR(input.read(prefix));
  StatusOr<std::size_t> size = NpyPrefixSize(prefix);
  if (!size.ok()) {
    return MakeError(StatusCode::kDataLoss, "'{}': {}", input.where,
                     std::string(size.status().message()));
  }
  if (*size < prefix.size()) {
    return MakeError(StatusCode::kDataLoss, "'{}': .npy header of {} bytes is too short",
                     input.where, *size);
  }
  prefix.resize(*size);
  FLWRCPP_RETURN_IF_ERROR(input.read(std::span(prefix).subspan(12)));
  StatusOr<NpyHeader> header = ParseNpyPrefix(prefix);
  if (header.ok()) return header;
  return MakeError(StatusCode::kDataLoss, "'{}': {}", input.where,
                   std::string(header.status().message()));
}

/// Elements as they are in the file, and what is known of their place.
struct Elements {
  std::string bytes;
  std::vector<std::size_t> shape;
  bool fortran_order = false;
  bool swapped = false;
  std::size_t item_size = 0;

  std::size_t count() const { return bytes.size() / item_size; }
};

/// The element at `bytes` in the machine's byte order.
template <typename T>
T Load(const char* bytes, bool swapped) {
  char copy[sizeof(T)];
  std::memcpy(copy, bytes, sizeof(T));
  if (swapped) std::reverse(copy, copy + sizeof(T));
  T value;
  std::memcpy(&value, copy, sizeof(T));
  return value;
}

/// IEEE half precision, which C++20 has no type for.
struct Half {
  std::uint16_t bits;

  explicit operator float() const {
    const int exponent = bits >> 10 & 31;
    const auto fraction = static_cast<float>(bits & 1023);
    float value =
        std::ldexp(exponent == 0 ? fraction : fraction + 1024, std::max(exponent, 1) - 25);
    if (exponent == 31) {
      value = fraction == 0 ? std::numeric_limits<float>::infinity()
                            : std::numeric_limits<float>::quiet_NaN();
    }
    return (bits & 0x8000) != 0 ? -value : value;
  }
  explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }
};

/// Calls `visit(place in C order, place in the file)` for all elements.
template <typename Visit>
void ForEachPlace(const Elements& elements, Visit visit) {
  const std::size_t count = elements.count();
  if (!elements.fortran_order || elements.shape.size() < 2) {
    for (std::size_t i = 0; i < count; ++i) visit(i, i);
    return;
  }
  // In Fortran order the first index runs fastest: one step along axis k is the product of the
  // lengths before it.
  std::vector<std::size_t> steps(elements.shape.size(), 1);
  for (std::size_t k = 1; k < steps.size(); ++k) steps[k] = steps[k - 1] * elements.shape[k - 1];
  std::vector<std::size_t> index(elements.shape.size(), 0);
  std::size_t in_file = 0;
  for (std::size_t i = 0; i < count; ++i) {
    visit(i, in_file);
    for (std::size_t k = index.size(); k-- > 0;) {
      in_file += steps[k];
      if (++index[k] < elements.shape[k]) break;
      in_file -= steps[k] * elements.shape[k];
      index[k] = 0;
    }
  }
}

template <typename Stored, typename T>
std::vector<T> Convert(const Elements& elements) {
  std::vector<T> values(elements.count());
  if (std::is_same_v<Stored, T> && !elements.swapped && !elements.fortran_order) {
    if (!values.empty()) std::memcpy(values.data(), elements.bytes.data(), elements.bytes.size());
    return values;
  }
  ForEachPlace(elements, [&](std::size_t place, std::size_t in_file) {
    values[place] = static_cast<T>(
        Load<Stored>(elements.bytes.data() + in_file * sizeof(Stored), elements.swapped));
  });
  return values;
}

/// A column of elements that `Stored` reads; those of arrays become `Element`.
template <typename Stored, typename Element>
StatusOr<Column> NumberColumn(const Elements& elements, const std::string& where) {
  if (elements.shape.size() > 1) {
    return Column(ArrayColumn{{elements.shape.begin() + 1, elements.shape.end()},
                              Convert<Stored, Element>(elements)});
  }
  if constexpr (std::is_same_v<Stored, std::uint64_t>) {
    const auto values = Convert<Stored, Stored>(elements);
    for (const std::uint64_t value : values) {
      if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        return InvalidArgument("'{}': {} is beyond the largest int64", where, value);
      }
    }
  }
  if constexpr (std::is_integral_v<Element>) {
    return Column(Convert<Stored, std::int64_t>(elements));
  } else {
    return Column(Convert<Stored, double>(elements));
  }
}

/// Appends the character in UTF-8; false if there is no such character.
bool AppendUtf8(std::uint32_t code, std::string& text) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  const auto add_rest = [&](int shift) { add(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add_rest(0);
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add_rest(6);
    add_rest(0);
  } else {
    add(0xF0 | code >> 18);
    add_rest(12);
    add_rest(6);
    add_rest(0);
  }
  return true;
}

StatusOr<Column> TextColumn(const Elements& elements, bool unicode, const std::string& where) {
  std::vector<std::string> texts(elements.count());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string_view item =
        std::string_view(elements.bytes).substr(i * elements.item_size, elements.item_size);
    if (unicode) {
      for (std::size_t j = 0; j < item.size(); j += 4) {
        if (AppendUtf8(Load<std::uint32_t>(item.data() + j, elements.swapped), texts[i])) continue;
        return MakeError(StatusCode::kDataLoss, "'{}': row {} holds what is no character", where,
                         i);
      }
    } else {
      texts[i] = item;
    }
    // NumPy fills short texts up with zeros and takes these off again.
    texts[i].resize(texts[i].find_last_not_of('\0') + 1);
  }
  return Column(std::move(texts));
}

/// @return `kInvalidArgument` for an array that is no column, by its header alone.
Status CheckHeader(const NpyHeader& header, const std::string& where) {
  const char kind = header.descr[1];
  const bool text = kind == 'U' || kind == 'S';
  const bool number = kind == 'b' || kind == 'i' || kind == 'u' || kind == 'f';
  if ((!text && !number) || header.item_size > 8 * (text ? kPiece : 1)) {
    return InvalidArgument(
        "'{}': arrays of type '{}' cannot be columns, expected integers, booleans, real numbers "
        "of 8 bytes at most, or texts",
        where, header.descr);
  }
  if (header.shape.empty()) {
    return InvalidArgument("'{}' is a single value, expected an array with rows", where);
  }
  const bool empty_row =
      std::find(header.shape.begin() + 1, header.shape.end(), 0) != header.shape.end();
  if (empty_row || (text && header.shape.size() > 1)) {
    return InvalidArgument("'{}': an array of {} of shape ({}) cannot be a column", where,
                           text ? "texts" : "numbers", fmt::join(header.shape, ", "));
  }
  // Without rows the header's check of the product does not see the other axes.
  std::size_t row_size = 1;
  for (std::size_t i = 1; i < header.shape.size(); ++i) {
    const auto length = static_cast<std::size_t>(header.shape[i]);
    if (length > std::numeric_limits<std::size_t>::max() / 8 / row_size) {
      return InvalidArgument("'{}': rows of shape ({}) are too large", where,
                             fmt::join(header.shape.begin() + 1, header.shape.end(), ", "));
    }
    row_size *= length;
  }
  return {};
}

StatusOr<Elements> ReadElements(const NpyInput& input, const NpyHeader& header) {
  Elements elements;
  elements.shape.assign(header.shape.begin(), header.shape.end());
  elements.fortran_order = header.fortran_order;
  elements.item_size = header.item_size;
  const char order = header.descr[0];
  elements.swapped = std::endian::native == std::endian::little ? order == '>' : order == '<';

  std::uint64_t size = header.item_size;  // The header's check keeps the product below 2^63.
  for (const std::int64_t length : header.shape) {
    size = length == 0 ? 0 : size * static_cast<std::uint64_t>(length);
    if (size == 0) break;
  }
  if (input.size < header.data_offset || input.size - header.data_offset != size) {
    return MakeError(StatusCode::kDataLoss,
                     "'{}': {} bytes with the header, expected {} for {} of shape ({})",
                     input.where, input.size, header.data_offset + size, header.descr,
                     fmt::join(header.shape, ", "));
  }
  while (elements.bytes.size() < size) {
    const std::size_t piece = std::min<std::uint64_t>(kPiece, size - elements.bytes.size());
    elements.bytes.resize(elements.bytes.size() + piece);
    FLWRCPP_RETURN_IF_ERROR(input.read(std::span(elements.bytes).last(piece)));
  }
  return elements;
}

}  // namespace

StatusOr<Column> ReadNpyColumn(const NpyInput& input) {
  FLWRCPP_ASSIGN_OR_RETURN(const NpyHeader header, ReadHeader(input));
  FLWRCPP_RETURN_IF_ERROR(CheckHeader(header, input.where));
  FLWRCPP_ASSIGN_OR_RETURN(const Elements elements, ReadElements(input, header));
  const std::string& where = input.where;
  const std::string type = header.descr.substr(1);
  if (type == "b1" || type == "u1")
    return NumberColumn<std::uint8_t, std::uint8_t>(elements, where);
  if (type == "u2") return NumberColumn<std::uint16_t, std::uint16_t>(elements, where);
  if (type == "u4") return NumberColumn<std::uint32_t, std::uint32_t>(elements, where);
  if (type == "u8") return NumberColumn<std::uint64_t, std::uint64_t>(elements, where);
  if (type == "i1") return NumberColumn<std::int8_t, std::int8_t>(elements, where);
  if (type == "i2") return NumberColumn<std::int16_t, std::int16_t>(elements, where);
  if (type == "i4") return NumberColumn<std::int32_t, std::int32_t>(elements, where);
  if (type == "i8") return NumberColumn<std::int64_t, std::int64_t>(elements, where);
  if (type == "f2") return NumberColumn<Half, float>(elements, where);
  if (type == "f4") return NumberColumn<float, float>(elements, where);
  if (type == "f8") return NumberColumn<double, double>(elements, where);
  return TextColumn(elements, type[0] == 'U', where);
}

}  // namespace flwrcpp::internal
