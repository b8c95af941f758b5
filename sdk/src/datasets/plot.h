// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "datasets/svg.h"
#include "flwrcpp/datasets/visualization.h"

namespace flwrcpp::internal {

/// What is drawn: numbers of samples or percents, none of them NaN.
struct PlotData {
  std::vector<std::string> labels;
  /// A row for each partition.
  std::vector<std::vector<double>> values;
};

/// The images; `data` has partitions and labels.
std::string DrawBars(const PlotData& data, const datasets::PlotOptions& options);
std::string DrawHeatmap(const PlotData& data, const datasets::PlotOptions& options);

/// Fields of an image beyond which it has no tooltips: they would be most of its bytes.
inline constexpr std::size_t kMaxTooltips = 5000;

/// "Partition 3, label cat: 120"; the unit is that of the options.
std::string Tooltip(const PlotData& data, std::size_t partition, std::size_t label,
                    datasets::SizeUnit unit);

/// A value as it is written in a field: without decimals, or as percent with one.
std::string ValueText(double value, datasets::SizeUnit unit);

/// "Count" or "Percent %".
std::string UnitText(datasets::SizeUnit unit);

/// Places along an axis of numbers from 0 to `maximum`: round numbers, some `count` of them.
std::vector<double> RoundTicks(double maximum, int count);

/// "0", "1", … for `count` partitions.
std::vector<std::string> PartitionNames(std::size_t count);

/// How the names along an axis of categories are written.
struct CategoryTicks {
  /// Every how many-th name is written: of numbers in a row some may be left out.
  std::size_t step = 1;
  TextStyle style;
  /// Room that the names take beside the axis.
  double extent = 0;
};

/// Names below a horizontal axis, `pitch` pixels apart, or to the left of a vertical one.
CategoryTicks TicksBelow(const std::vector<std::string>& names, double pitch);
CategoryTicks TicksAtLeft(const std::vector<std::string>& names, double pitch);

/// Writes them for the plot in `area`, with `axis_title` beyond them.
void DrawTicksBelow(const CategoryTicks& ticks, const std::vector<std::string>& names, double pitch,
                    const Box& area, const std::string& axis_title, SvgWriter& svg);
void DrawTicksAtLeft(const CategoryTicks& ticks, const std::vector<std::string>& names,
                     double pitch, const Box& area, const std::string& axis_title, SvgWriter& svg);

/// Writes the title above the plot in `area`.
void DrawTitle(const std::string& title, const Box& area, SvgWriter& svg);

/// Room above a plot, and what titles of axes take beside the names.
inline constexpr double kTopMargin = 52;
inline constexpr double kAxisTitleRoom = 26;
inline constexpr double kMargin = 16;
inline constexpr double kTitleSize = 16;
inline constexpr double kAxisTitleSize = 13;

}  // namespace flwrcpp::internal
