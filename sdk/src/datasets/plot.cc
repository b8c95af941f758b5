// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace flwrcpp::internal {
namespace {

constexpr double kFontSize = 11;
constexpr double kSmallestFont = 6;
constexpr std::size_t kMaxNameLength = 28;
constexpr double kGap = 6;  // Between the plot and the names.

/// Whether the names are 0, 1, 2, …, so that a reader can fill in those left out.
bool IsSequence(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != std::to_string(i)) return false;
  }
  return true;
}

/// The least of 1, 2, 5, 10, 20, … that is at least `least`.
std::size_t RoundStep(double least) {
  for (std::size_t power = 1;; power *= 10) {
    for (const std::size_t factor : {1U, 2U, 5U}) {
      if (static_cast<double>(factor * power) >= least) return factor * power;
    }
  }
}

double WidestName(const std::vector<std::string>& names, double font_size) {
  double width = 0;
  for (const std::string& name : names) {
    width = std::max(width, TextWidth(Shorten(name, kMaxNameLength), font_size));
  }
  return width;
}

}  // namespace

std::string Tooltip(const PlotData& data, std::size_t partition, std::size_t label,
                    datasets::SizeUnit unit) {
  return fmt::format("Partition {}, label {}: {}{}", partition, data.labels[label],
                     ValueText(data.values[partition][label], unit),
                     unit == datasets::SizeUnit::kPercent ? " %" : "");
}

std::string ValueText(double value, datasets::SizeUnit unit) {
  return fmt::format("{:.{}f}", value, unit == datasets::SizeUnit::kPercent ? 1 : 0);
}

std::string UnitText(datasets::SizeUnit unit) {
  return unit == datasets::SizeUnit::kPercent ? "Percent %" : "Count";
}

std::vector<double> RoundTicks(double maximum, int count) {
  const double least = std::max(maximum / count, 1e-9);
  const double power = std::pow(10, std::floor(std::log10(least)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  for (int i = 0; i * step <= maximum * (1 + 1e-9); ++i) ticks.push_back(i * step);
  return ticks;
}

std::vector<std::string> PartitionNames(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

CategoryTicks TicksBelow(const std::vector<std::string>& names, double pitch) {
  CategoryTicks ticks;
  ticks.style.anchor = Anchor::kMiddle;
  ticks.extent = kGap + kFontSize;
  const double width = WidestName(names, kFontSize);
  if (IsSequence(names)) {
    ticks.step = RoundStep((width + 8) / pitch);
  } else if (width + 6 > pitch) {
    ticks.style.anchor = Anchor::kEnd;
    ticks.style.size = std::clamp(0.9 * pitch, kSmallestFont, kFontSize);
    const double length = WidestName(names, ticks.style.size);
    const bool narrow = pitch < 16;
    ticks.style.rotation = narrow ? -90 : -45;
    ticks.extent = kGap + ticks.style.size / 2 + (narrow ? 1 : std::sqrt(0.5)) * length;
  }
  return ticks;
}

CategoryTicks TicksAtLeft(const std::vector<std::string>& names, double pitch) {
  CategoryTicks ticks;
  ticks.style.anchor = Anchor::kEnd;
  if (IsSequence(names)) {
    ticks.step = RoundStep((kFontSize + 2) / pitch);
  } else {
    ticks.style.size = std::clamp(0.9 * pitch, kSmallestFont, kFontSize);
  }
  ticks.extent = kGap + WidestName(names, ticks.style.size);
  return ticks;
}

void DrawTicksBelow(const CategoryTicks& ticks, const std::vector<std::string>& names, double pitch,
                    const Box& area, const std::string& axis_title, SvgWriter& svg) {
  const double bottom = area.y + area.height;
  const double y = bottom + kGap + (ticks.style.rotation == 0 ? ticks.style.size / 2 : 0);
  for (std::size_t i = 0; i < names.size(); i += ticks.step) {
    svg.Text(area.x + (static_cast<double>(i) + 0.5) * pitch, y, Shorten(names[i], kMaxNameLength),
             ticks.style);
  }
  svg.Text(area.x + area.width / 2, bottom + ticks.extent + kAxisTitleRoom / 2, axis_title,
           {.size = kAxisTitleSize, .anchor = Anchor::kMiddle});
}

void DrawTicksAtLeft(const CategoryTicks& ticks, const std::vector<std::string>& names,
                     double pitch, const Box& area, const std::string& axis_title, SvgWriter& svg) {
  for (std::size_t i = 0; i < names.size(); i += ticks.step) {
    svg.Text(area.x - kGap, area.y + (static_cast<double>(i) + 0.5) * pitch,
             Shorten(names[i], kMaxNameLength), ticks.style);
  }
  svg.Text(area.x - ticks.extent - kAxisTitleRoom / 2, area.y + area.height / 2, axis_title,
           {.size = kAxisTitleSize, .anchor = Anchor::kMiddle, .rotation = -90});
}

void DrawTitle(const std::string& title, const Box& area, SvgWriter& svg) {
  svg.Text(area.x + area.width / 2, kTopMargin / 2, title,
           {.size = kTitleSize, .anchor = Anchor::kMiddle, .bold = true});
}

}  // namespace flwrcpp::internal
