// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "datasets/plot.h"

namespace flwrcpp::internal {
namespace {

using datasets::PartitionIdAxis;
using datasets::PlotOptions;
using datasets::SizeUnit;

/// Room for the bars along the axis of numbers.
constexpr double kLength = 420;
constexpr std::size_t kLegendRows = 25;
constexpr double kLegendPitch = 18;

/// Colours that can be told apart, also by most who see few colours: the ten of Tableau, their
/// lighter and darker kin for up to twenty labels, then hues at the golden angle.
std::string LabelColor(std::size_t label, std::size_t count) {
  constexpr std::array<std::string_view, 20> kColors = {
      "#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1",
      "#ff9da7", "#9c755f", "#bab0ac", "#a0cbe8", "#b35806", "#8c2d36", "#2f6f6b",
      "#a8d18d", "#a38a00", "#6b3d6e", "#d37295", "#d7b5a6", "#5f5a57"};
  if (count <= kColors.size()) return std::string(kColors[label]);
  const auto number = static_cast<double>(label);
  constexpr std::array<double, 3> kLightness = {0.45, 0.62, 0.78};
  return Hex(FromHsl(std::fmod(0.58 + 0.381966 * number, 1.0), 0.6, kLightness[label % 3]));
}

class BarPlot {
 public:
  BarPlot(const PlotData& data, const PlotOptions& options)
      : data_(data),
        options_(options),
        upright_(options.partition_id_axis == PartitionIdAxis::kX),
        names_(PartitionNames(data.values.size())) {
    for (const auto& row : data.values) {
      maximum_ = std::max(maximum_, std::accumulate(row.begin(), row.end(), 0.0));
    }
    // A little more than the longest bar, but percents end at 100.
    maximum_ = options.size_unit == SizeUnit::kPercent ? 100 : maximum_ * 1.02;
    numbers_ = RoundTicks(maximum_, 6);
    for (const double tick : numbers_) {
      numbers_width_ = std::max(numbers_width_, TextWidth(NumberText(tick), 11));
    }
    const auto count = static_cast<double>(names_.size());
    pitch_ = std::clamp((upright_ ? 720 : 560) / count, 9.0, upright_ ? 72.0 : 36.0);
    ticks_ = upright_ ? TicksBelow(names_, pitch_) : TicksAtLeft(names_, pitch_);
    area_.x = kMargin + kAxisTitleRoom + (upright_ ? numbers_width_ + 6 : ticks_.extent);
    area_.y = kTopMargin;
    area_.width = upright_ ? pitch_ * count : 1.4 * kLength;
    area_.height = upright_ ? kLength : pitch_ * count;
    const double title = TextWidth(options.title, kTitleSize * 1.1);  // bold
    area_.x = std::max(area_.x, kMargin + (title - area_.width) / 2);
  }

  std::string Draw() {
    DrawTitle(options_.title, area_, svg_);
    Numbers();
    for (std::size_t partition = 0; partition < data_.values.size(); ++partition) Bar(partition);
    const double bottom = area_.y + area_.height;
    const std::string partitions = "Partition ID";
    if (upright_) {
      svg_.Line(area_.x, bottom, area_.x + area_.width, bottom, "#888888");
      DrawTicksBelow(ticks_, names_, pitch_, area_, partitions, svg_);
    } else {
      svg_.Line(area_.x, area_.y, area_.x, bottom, "#888888");
      DrawTicksAtLeft(ticks_, names_, pitch_, area_, partitions, svg_);
    }
    double right = area_.x + area_.width;
    double lowest = bottom + (upright_ ? ticks_.extent : 17) + kAxisTitleRoom;
    if (options_.legend) Legend(right + 24, right, lowest);
    const double title = TextWidth(options_.title, kTitleSize * 1.1);
    right = std::max(right, area_.x + (area_.width + title) / 2);
    return svg_.Finish(right + kMargin, lowest + kMargin, options_.title);
  }

 private:
  static std::string NumberText(double value) {
    return ValueText(value, value == std::floor(value) ? SizeUnit::kAbsolute : SizeUnit::kPercent);
  }

  /// The axis of numbers, and lines across the plot.
  void Numbers() {
    const double bottom = area_.y + area_.height;
    for (const double tick : numbers_) {
      const double share = tick / maximum_;
      if (upright_) {
        const double y = bottom - share * area_.height;
        svg_.Line(area_.x, y, area_.x + area_.width, y, "#e4e4e4");
        svg_.Text(area_.x - 6, y, NumberText(tick), {.anchor = Anchor::kEnd});
      } else {
        const double x = area_.x + share * area_.width;
        svg_.Line(x, area_.y, x, bottom, "#e4e4e4");
        svg_.Text(x, bottom + 12, NumberText(tick), {.anchor = Anchor::kMiddle});
      }
    }
    TextStyle style = {.size = kAxisTitleSize, .anchor = Anchor::kMiddle};
    if (upright_) {
      style.rotation = -90;
      svg_.Text(area_.x - 6 - numbers_width_ - kAxisTitleRoom / 2, area_.y + area_.height / 2,
                UnitText(options_.size_unit), style);
    } else {
      svg_.Text(area_.x + area_.width / 2, bottom + 17 + kAxisTitleRoom / 2,
                UnitText(options_.size_unit), style);
    }
  }

  void Bar(std::size_t partition) {
    const double thickness = 0.82 * pitch_;
    const double side = (static_cast<double>(partition) + 0.5) * pitch_ - thickness / 2;
    const bool tooltips = data_.values.size() * data_.labels.size() <= kMaxTooltips;
    double begin = 0;
    for (std::size_t label = 0; label < data_.labels.size(); ++label) {
      const double value = data_.values[partition][label];
      if (value == 0) continue;
      const double length = value / maximum_ * (upright_ ? area_.height : area_.width);
      const Box box =
          upright_ ? Box{area_.x + side, area_.y + area_.height - begin - length, thickness, length}
                   : Box{area_.x + begin, area_.y + side, length, thickness};
      svg_.Rectangle(box, LabelColor(label, data_.labels.size()), "",
                     tooltips ? Tooltip(data_, partition, label, options_.size_unit) : "");
      begin += length;
    }
  }

  /// Widens `right` and `lowest` to where it ends.
  void Legend(double x, double& right, double& lowest) {
    const std::string title = options_.legend_title.empty() ? "Labels" : options_.legend_title;
    svg_.Text(x, area_.y + 6, title, {.size = kAxisTitleSize, .bold = true});
    right = std::max(right, x + TextWidth(title, kAxisTitleSize * 1.1));
    for (std::size_t begin = 0; begin < data_.labels.size(); begin += kLegendRows) {
      double width = 0;
      const std::size_t end = std::min(begin + kLegendRows, data_.labels.size());
      for (std::size_t label = begin; label < end; ++label) {
        const double y = area_.y + 28 + static_cast<double>(label - begin) * kLegendPitch;
        const std::string name = Shorten(data_.labels[label], 28);
        svg_.Rectangle({x, y - 6, 12, 12}, LabelColor(label, data_.labels.size()), "", "");
        svg_.Text(x + 18, y, name, {});
        width = std::max(width, TextWidth(name, 11));
        lowest = std::max(lowest, y + kLegendPitch / 2);
      }
      right = std::max(right, x + 18 + width);
      x += 18 + width + 16;
    }
  }

  const PlotData& data_;
  const PlotOptions& options_;
  bool upright_;
  std::vector<std::string> names_;
  double maximum_ = 1e-9;  // Above 0, to divide by.
  std::vector<double> numbers_;
  double numbers_width_ = 0;
  double pitch_ = 0;
  CategoryTicks ticks_;
  Box area_;
  SvgWriter svg_;
};

}  // namespace

std::string DrawBars(const PlotData& data, const PlotOptions& options) {
  return BarPlot(data, options).Draw();
}

}  // namespace flwrcpp::internal
