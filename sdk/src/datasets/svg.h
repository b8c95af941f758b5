// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flwrcpp::internal {

/// A colour; each part is from 0 to 1.
struct Color {
  double red = 0;
  double green = 0;
  double blue = 0;
};

/// As `#rrggbb`.
std::string Hex(const Color& color);

/// A colour of `hue` in turns, and saturation and lightness from 0 to 1.
Color FromHsl(double hue, double saturation, double lightness);

/// The colour at `t` from 0 to 1 between `from` and `to`.
Color Mix(const Color& from, const Color& to, double t);

/// Brightness as the eye sees it, from 0 to 1.
double Luminance(const Color& color);

/// `text` as XML: markup is escaped, and what is no UTF-8 or no character of XML becomes U+FFFD.
std::string EscapeXml(std::string_view text);

/// `text` if it has at most `max_length` characters of UTF-8, else its beginning and an ellipsis.
std::string Shorten(std::string_view text, std::size_t max_length);

/// Approximate width of `text` in the font of `SvgWriter`, in pixels.
double TextWidth(std::string_view text, double font_size);

enum class Anchor { kStart, kMiddle, kEnd };

struct TextStyle {
  double size = 11;
  Anchor anchor = Anchor::kStart;
  /// Degrees, clockwise.
  double rotation = 0;
  std::string color = "#333333";
  bool bold = false;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

/// Writes an SVG image piece by piece. Lengths are pixels; the origin is at the top left.
class SvgWriter {
 public:
  /// @param stroke colour of the outline; empty: none.
  /// @param tooltip text that browsers show over it; empty: none.
  void Rectangle(const Box& box, std::string_view fill, std::string_view stroke,
                 std::string_view tooltip);
  void Line(double x1, double y1, double x2, double y2, std::string_view color);
  /// Text whose middle line is at `y`.
  void Text(double x, double y, std::string_view text, const TextStyle& style);
  /// A rectangle that runs from `bottom` to `top` through the colours that `at(0…1)` gives.
  template <typename At>
  void Gradient(const Box& box, At at) {
    constexpr int kSteps = 64;
    for (int i = 0; i < kSteps; ++i) {
      const double height = box.height / kSteps;
      // Each step reaches below the next one, so that no gap shows between them.
      const double y = box.y + box.height - (i + 1) * height;
      Rectangle({box.x, y, box.width, i == 0 ? height : height + 0.5}, Hex(at((i + 0.5) / kSteps)),
                "", "");
    }
  }

  /// The image, on white.
  std::string Finish(double width, double height, std::string_view title) const;

 private:
  std::string body_;
};

}  // namespace flwrcpp::internal
