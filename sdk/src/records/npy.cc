// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/npy.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kDtypes = {{
    {"float32", "<f4"},
    {"float64", "<f8"},
    {"float16", "<f2"},
    {"int64", "<i8"},
    {"int32", "<i4"},
    {"int16", "<i2"},
    {"int8", "|i1"},
    {"uint8", "|u1"},
    {"uint16", "<u2"},
    {"uint32", "<u4"},
    {"uint64", "<u8"},
    {"bool", "|b1"},
    {"complex64", "<c8"},
    {"complex128", "<c16"},
}};

/// Reads the few forms of Python literal that a header is made of.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  void SkipSpace() {
    while (!text_.empty() && std::string_view(" \t\r\n").find(text_[0]) != std::string_view::npos) {
      text_.remove_prefix(1);
    }
  }
  bool Take(std::string_view token) {
    SkipSpace();
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  bool TakeString(std::string& out) {
    SkipSpace();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) return false;
    const std::size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) return false;
    out = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return out.find('\\') == std::string::npos;
  }
  bool TakeDimension(std::int64_t& out) {
    SkipSpace();
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), out);
    if (error != std::errc() || out < 0) return false;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    Take("L");  // Python 2 wrote long integers so
    return true;
  }
  bool TakeShape(std::vector<std::int64_t>& out) {
    if (!Take("(")) return false;
    while (!Take(")")) {
      std::int64_t dimension = 0;
      if (!TakeDimension(dimension)) return false;
      out.push_back(dimension);
      if (!Take(",")) return Take(")");
    }
    return true;
  }
  bool AtEnd() {
    SkipSpace();
    return text_.empty();
  }

 private:
  std::string_view text_;
};

}  // namespace

std::string MakeNpyPrefix(std::string_view descr, bool fortran_order,
                          const std::vector<std::int64_t>& shape) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': (", descr,
                                 fortran_order ? "True" : "False");
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  }
  text += shape.size() == 1 ? ",), }" : "), }";
  if (!shape.empty()) {
    // NumPy leaves room to grow the axis that appending would lengthen to 21 digits.
    const std::int64_t growth_axis = fortran_order ? shape.back() : shape.front();
    text.append(21 - std::min<std::size_t>(21, std::to_string(growth_axis).size()), ' ');
  }
  constexpr std::size_t kAlign = 64;
  constexpr std::size_t kLengthField = 2;  // uint16 in version 1.0
  const std::size_t before = kMagic.size() + 2 + kLengthField + text.size() + 1;
  text.append(kAlign - before % kAlign, ' ');
  text += '\n';

  std::string prefix(kMagic);
  prefix += '\x01';
  prefix += '\x00';
  prefix += static_cast<char>(text.size() & 0xff);
  prefix += static_cast<char>(text.size() >> 8);
  return prefix + text;
}

StatusOr<std::size_t> NpyPrefixSize(std::string_view first_bytes) {
  if (!first_bytes.starts_with(kMagic) || first_bytes.size() < 8) {
    return InvalidArgument("not an .npy file: it does not begin with \\x93NUMPY");
  }
  const int version = static_cast<unsigned char>(first_bytes[6]);
  if (version < 1 || version > 3) {
    return InvalidArgument(".npy version {}.{} is not supported, expected 1 to 3", version,
                           static_cast<int>(static_cast<unsigned char>(first_bytes[7])));
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (first_bytes.size() < 8 + length_bytes) return InvalidArgument(".npy header is cut off");
  std::size_t text_size = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) {
    text_size |= static_cast<std::size_t>(static_cast<unsigned char>(first_bytes[8 + i]))
                 << (8 * i);
  }
  if (text_size > kMaxNpyHeaderText) {
    return InvalidArgument(".npy header of {} bytes, at most {} are allowed", text_size,
                           kMaxNpyHeaderText);
  }
  return 8 + length_bytes + text_size;
}

StatusOr<NpyHeader> ParseNpyPrefix(std::string_view prefix) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::size_t size, NpyPrefixSize(prefix));
  if (prefix.size() < size) return InvalidArgument(".npy header is cut off");
  const std::size_t text_begin = prefix[6] == 1 ? 10 : 12;

  NpyHeader header;
  header.data_offset = size;
  bool has_descr = false;
  bool has_order = false;
  bool has_shape = false;
  LiteralReader reader(prefix.substr(text_begin, size - text_begin));
  if (!reader.Take("{")) return InvalidArgument(".npy header is not a dictionary");
  while (!reader.Take("}")) {
    std::string key;
    if (!reader.TakeString(key) || !reader.Take(":")) {
      return InvalidArgument(".npy header is damaged where a key was expected");
    }
    bool good = false;
    if (key == "descr") {
      good = has_descr = reader.TakeString(header.descr);
    } else if (key == "fortran_order") {
      header.fortran_order = reader.Take("True");
      good = has_order = header.fortran_order || reader.Take("False");
    } else if (key == "shape") {
      header.shape.clear();
      good = has_shape = reader.TakeShape(header.shape);
    }
    if (!good) return InvalidArgument(".npy header: the value of '{}' cannot be read", key);
    if (!reader.Take(",") && !reader.Take("}")) {
      return InvalidArgument(".npy header is damaged after '{}'", key);
    } else if (reader.AtEnd()) {
      break;
    }
  }
  if (!reader.AtEnd()) return InvalidArgument(".npy header has text behind its dictionary");
  if (!has_descr || !has_order || !has_shape) {
    return InvalidArgument(".npy header misses '{}'",
                           !has_descr ? "descr" : (!has_order ? "fortran_order" : "shape"));
  }
  header.item_size = ItemSizeOfDescr(header.descr);
  if (header.item_size == 0) {
    return InvalidArgument(".npy dtype '{}' is not supported", header.descr);
  }
  bool has_zero = false;
  for (const std::int64_t dimension : header.shape) has_zero |= dimension == 0;
  std::int64_t bytes = static_cast<std::int64_t>(header.item_size);
  for (const std::int64_t dimension : header.shape) {
    if (!has_zero && dimension > std::numeric_limits<std::int64_t>::max() / bytes) {
      return InvalidArgument(".npy shape has more elements than can be addressed");
    }
    if (!has_zero) bytes *= dimension;
  }
  return header;
}

std::size_t ItemSizeOfDescr(std::string_view descr) {
  if (descr.size() < 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) {
    return 0;
  }
  const char kind = descr[1];
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), size);
  if (error != std::errc() || size > (std::size_t{1} << 30)) return 0;
  const std::string_view rest(end, static_cast<std::size_t>(descr.data() + descr.size() - end));
  const auto one_of = [size](std::initializer_list<std::size_t> sizes) {
    for (const std::size_t s : sizes) {
      if (s == size) return true;
    }
    return false;
  };
  if (kind == 'm' || kind == 'M') {
    const bool unit = rest.empty() || (rest.front() == '[' && rest.back() == ']');
    return size == 8 && unit ? 8 : 0;
  }
  if (!rest.empty()) return 0;
  switch (kind) {
    case 'b':
      return size == 1 ? 1 : 0;
    case 'i':
    case 'u':
      return one_of({1, 2, 4, 8}) ? size : 0;
    case 'f':
      return one_of({2, 4, 8, 16}) ? size : 0;
    case 'c':
      return one_of({8, 16, 32}) ? size : 0;
    case 'S':
    case 'V':
      return size;
    case 'U':
      return 4 * size;
    default:
      return 0;  // 'O' needs pickling
  }
}

}  // namespace flwrcpp::internal

namespace flwrcpp {

std::string DescrOfDtype(std::string_view dtype) {
  for (const auto& [name, descr] : internal::kDtypes) {
    if (name == dtype) return std::string(descr);
  }
  return "";
}

std::string DtypeOfDescr(std::string_view descr) {
  for (const auto& [name, known] : internal::kDtypes) {
    if (known == descr) return std::string(name);
  }
  if (descr.size() > 3 && descr.substr(0, 3) == "<M8") {
    return "datetime64" + std::string(descr.substr(3));
  }
  if (descr.size() > 3 && descr.substr(0, 3) == "<m8") {
    return "timedelta64" + std::string(descr.substr(3));
  }
  return std::string(descr);
}

}  // namespace flwrcpp
