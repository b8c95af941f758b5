// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace flwrcpp::internal {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// A character at the front of a text: its bytes (1 if it is no UTF-8), and its code.
struct Character {
  std::size_t size = 1;
  std::uint32_t code = 0xFFFFFFFF;
};

Character FirstCharacter(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(text[i])};
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {1, first};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {};
  std::uint32_t code = first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800,
                                      0x10000};  // Shorter forms are not allowed.
  if (code < kLeast[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {size, code};
}

/// Characters that XML 1.0 has, less the surrogates, which UTF-8 has not either.
bool IsXml(std::uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return code <= 0x10FFFF && code != 0xFFFE && code != 0xFFFF;
}

/// A length with at most two digits behind the point.
std::string Number(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

}  // namespace

std::string Hex(const Color& color) {
  const auto byte = [](double part) {
    return static_cast<int>(std::lround(255 * std::clamp(part, 0.0, 1.0)));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(color.red), byte(color.green), byte(color.blue));
}

Color FromHsl(double hue, double saturation, double lightness) {
  const double spread = saturation * std::min(lightness, 1 - lightness);
  const auto part = [&](double offset) {
    const double k = std::fmod(offset + 12 * hue, 12);
    return lightness - spread * std::max(-1.0, std::min({k - 3, 9 - k, 1.0}));
  };
  return {part(0), part(8), part(4)};
}

Color Mix(const Color& from, const Color& to, double t) {
  return {std::lerp(from.red, to.red, t), std::lerp(from.green, to.green, t),
          std::lerp(from.blue, to.blue, t)};
}

double Luminance(const Color& color) {
  return 0.2126 * color.red + 0.7152 * color.green + 0.0722 * color.blue;
}

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    switch (character.code) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += IsXml(character.code) ? text.substr(0, character.size) : kReplacement;
    }
    text.remove_prefix(character.size);
  }
  return escaped;
}

std::string Shorten(std::string_view text, std::size_t max_length) {
  std::size_t end = 0;
  std::size_t last = 0;  // Where the last character that may stay begins.
  for (std::size_t length = 0; end < text.size(); ++length) {
    if (length == max_length) return std::string(text.substr(0, last)) + "\xE2\x80\xA6";
    last = end;
    end += FirstCharacter(text.substr(end)).size;
  }
  return std::string(text);
}

double TextWidth(std::string_view text, double font_size) {
  double width = 0;
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    // Beyond Latin, Greek and Cyrillic there are characters twice as wide.
    width += character.code < 0x1100 ? 0.58 : 1;
    text.remove_prefix(character.size);
  }
  return width * font_size;
}

void SvgWriter::Rectangle(const Box& box, std::string_view fill, std::string_view stroke,
                          std::string_view tooltip) {
  body_ += fmt::format(R"(<rect x="{}" y="{}" width="{}" height="{}" fill="{}")", Number(box.x),
                       Number(box.y), Number(box.width), Number(box.height), fill);
  if (!stroke.empty()) body_ += fmt::format(R"( stroke="{}")", stroke);
  if (tooltip.empty()) {
    body_ += "/>\n";
  } else {
    body_ += fmt::format("><title>{}</title></rect>\n", EscapeXml(tooltip));
  }
}

void SvgWriter::Line(double x1, double y1, double x2, double y2, std::string_view color) {
  body_ += fmt::format(R"(<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{}"/>)"
                       "\n",
                       Number(x1), Number(y1), Number(x2), Number(y2), color);
}

void SvgWriter::Text(double x, double y, std::string_view text, const TextStyle& style) {
  constexpr std::string_view kAnchors[] = {"start", "middle", "end"};
  std::string attributes =
      fmt::format(R"(font-size="{}" fill="{}" text-anchor="{}")", Number(style.size), style.color,
                  kAnchors[static_cast<std::size_t>(style.anchor)]);
  if (style.bold) attributes += R"( font-weight="bold")";
  if (style.rotation != 0) {
    attributes += fmt::format(R"svg( transform="rotate({} {} {})")svg", Number(style.rotation),
                              Number(x), Number(y));
  }
  // Not every viewer knows dominant-baseline; digits are some 0.7 of the size high.
  body_ +=
      fmt::format(R"(<text x="{}" y="{}" dy="{}" {}>{}</text>)"
                  "\n",
                  Number(x), Number(y), Number(0.35 * style.size), attributes, EscapeXml(text));
}

std::string SvgWriter::Finish(double width, double height, std::string_view title) const {
  return fmt::format(
      R"(<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif">
<title>{2}</title>
<rect width="{0}" height="{1}" fill="#ffffff"/>
{3}</svg>
)",
      Number(std::ceil(width)), Number(std::ceil(height)), EscapeXml(title), body_);
}

}  // namespace flwrcpp::internal
