// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/json.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace flwrcpp::internal {
namespace {

constexpr std::uint32_t kReplacement = 0xfffd;

/// Takes one code point off the front of `text`, which must not be empty.
std::uint32_t TakeCodePoint(std::string_view& text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t first = byte(0);
  std::size_t length = 1;
  std::uint32_t value = first;
  std::uint32_t smallest = 0;
  if (first >= 0xf0 && first <= 0xf4) {
    length = 4, value = first & 0x07, smallest = 0x10000;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3, value = first & 0x0f, smallest = 0x800;
  } else if (first >= 0xc2 && first < 0xe0) {
    length = 2, value = first & 0x1f, smallest = 0x80;
  } else if (first >= 0x80) {
    text.remove_prefix(1);
    return kReplacement;
  }
  bool good = text.size() >= length;
  for (std::size_t i = 1; good && i < length; ++i) {
    good = (byte(i) & 0xc0) == 0x80;
    value = value << 6 | (byte(i) & 0x3f);
  }
  good = good && value >= smallest && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
  text.remove_prefix(good ? length : 1);
  return good ? value : kReplacement;
}

void AppendUnicodeEscape(std::uint32_t unit, std::string& out) {
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", unit);
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const std::uint32_t code = TakeCodePoint(text);
    switch (code) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (code >= 0x20 && code <= 0x7e) {
          out += static_cast<char>(code);
        } else if (code < 0x10000) {
          AppendUnicodeEscape(code, out);
        } else {
          AppendUnicodeEscape(0xd800 + ((code - 0x10000) >> 10), out);
          AppendUnicodeEscape(0xdc00 + ((code - 0x10000) & 0x3ff), out);
        }
    }
  }
  out += '"';
}

}  // namespace flwrcpp::internal
