// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "datasets/plot.h"

namespace flwrcpp::internal {
namespace {

using datasets::PartitionIdAxis;
using datasets::PlotOptions;

constexpr std::string_view kNothing = "#f6f6f4";
constexpr double kValueFont = 11;
/// Fields from this size on have an outline.
constexpr double kOutlined = 14;

/// Colours of small to large values, from light to dark in even steps. The lightest one can be
/// told from `kNothing`.
Color Shade(double t) {
  constexpr std::array<Color, 5> kStops = {{{0.85, 0.92, 0.97},
                                            {0.60, 0.79, 0.88},
                                            {0.26, 0.57, 0.78},
                                            {0.05, 0.34, 0.63},
                                            {0.03, 0.17, 0.38}}};
  const double place = std::clamp(t, 0.0, 1.0) * (kStops.size() - 1);
  const auto stop = std::min(static_cast<std::size_t>(place), kStops.size() - 2);
  return Mix(kStops[stop], kStops[stop + 1], place - static_cast<double>(stop));
}

class Heatmap {
 public:
  Heatmap(const PlotData& data, const PlotOptions& options)
      : data_(data),
        options_(options),
        partitions_below_(options.partition_id_axis == PartitionIdAxis::kX) {
    const std::vector<std::string> partitions = PartitionNames(data.values.size());
    below_ = partitions_below_ ? partitions : data.labels;
    left_ = partitions_below_ ? data.labels : partitions;
    for (const auto& row : data.values) {
      for (const double value : row) maximum_ = std::max(maximum_, value);
    }
    pitch_x_ = std::clamp(720.0 / static_cast<double>(below_.size()), 10.0, 62.0);
    pitch_y_ = std::clamp(560.0 / static_cast<double>(left_.size()), 10.0, 40.0);
    ticks_below_ = TicksBelow(below_, pitch_x_);
    ticks_left_ = TicksAtLeft(left_, pitch_y_);
    // Slanted names reach beyond the left of the plot.
    const double overhang = ticks_below_.style.rotation == -45 ? ticks_below_.extent : 0;
    area_.x = kMargin + std::max(ticks_left_.extent + kAxisTitleRoom, overhang);
    area_.y = kTopMargin;
    area_.width = pitch_x_ * static_cast<double>(below_.size());
    area_.height = pitch_y_ * static_cast<double>(left_.size());
    const double title = TextWidth(options.title, kTitleSize * 1.1);  // bold
    area_.x = std::max(area_.x, kMargin + (title - area_.width) / 2);
  }

  std::string Draw() {
    DrawTitle(options_.title, area_, svg_);
    svg_.Rectangle(area_, kNothing, "", "");
    for (std::size_t partition = 0; partition < data_.values.size(); ++partition) {
      for (std::size_t label = 0; label < data_.labels.size(); ++label) Field(partition, label);
    }
    svg_.Rectangle(area_, "none", "#bbbbbb", "");
    const std::string partitions = "Partition ID";
    const std::string labels = "Label";
    DrawTicksBelow(ticks_below_, below_, pitch_x_, area_, partitions_below_ ? partitions : labels,
                   svg_);
    DrawTicksAtLeft(ticks_left_, left_, pitch_y_, area_, partitions_below_ ? labels : partitions,
                    svg_);
    double right = area_.x + area_.width;
    if (options_.legend) right = Legend(right + 24);
    const double title = TextWidth(options_.title, kTitleSize * 1.1);
    right = std::max(right, area_.x + (area_.width + title) / 2);
    return svg_.Finish(right + kMargin,
                       area_.y + area_.height + ticks_below_.extent + kAxisTitleRoom + kMargin,
                       options_.title);
  }

 private:
  void Field(std::size_t partition, std::size_t label) {
    const double value = data_.values[partition][label];
    const bool outlined = std::min(pitch_x_, pitch_y_) >= kOutlined;
    if (value == 0 && !outlined) return;
    const std::size_t column = partitions_below_ ? partition : label;
    const std::size_t row = partitions_below_ ? label : partition;
    const Box box = {area_.x + static_cast<double>(column) * pitch_x_,
                     area_.y + static_cast<double>(row) * pitch_y_, pitch_x_, pitch_y_};
    const Color color = Shade(value / maximum_);
    const bool tooltips = data_.values.size() * data_.labels.size() <= kMaxTooltips;
    svg_.Rectangle(box, value == 0 ? std::string(kNothing) : Hex(color), outlined ? "#ffffff" : "",
                   tooltips ? Tooltip(data_, partition, label, options_.size_unit) : "");
    const std::string text = ValueText(value, options_.size_unit);
    if (value == 0 || pitch_y_ < kValueFont + 4 || TextWidth(text, kValueFont) + 4 > pitch_x_) {
      return;
    }
    svg_.Text(box.x + pitch_x_ / 2, box.y + pitch_y_ / 2, text,
              {.size = kValueFont,
               .anchor = Anchor::kMiddle,
               .color = Luminance(color) > 0.5 ? "#1a1a1a" : "#ffffff"});
  }

  /// @return where it ends.
  double Legend(double x) {
    const Box bar = {x, area_.y, 16, std::clamp(area_.height, 80.0, 400.0)};
    svg_.Gradient(bar, Shade);
    svg_.Rectangle(bar, "none", "#bbbbbb", "");
    double width = 0;
    for (const double tick : RoundTicks(maximum_, 5)) {
      const double y = bar.y + bar.height * (1 - tick / maximum_);
      const std::string text = ValueText(
          tick, maximum_ < 5 ? datasets::SizeUnit::kPercent : datasets::SizeUnit::kAbsolute);
      svg_.Line(bar.x + bar.width, y, bar.x + bar.width + 4, y, "#888888");
      svg_.Text(bar.x + bar.width + 8, y, text, {});
      width = std::max(width, TextWidth(text, 11));
    }
    const double title_x = bar.x + bar.width + 8 + width + kAxisTitleRoom / 2;
    svg_.Text(title_x, bar.y + bar.height / 2,
              options_.legend_title.empty() ? UnitText(options_.size_unit) : options_.legend_title,
              {.size = kAxisTitleSize, .anchor = Anchor::kMiddle, .rotation = -90});
    return title_x + kAxisTitleSize / 2;
  }

  const PlotData& data_;
  const PlotOptions& options_;
  bool partitions_below_;
  std::vector<std::string> below_;
  std::vector<std::string> left_;
  double maximum_ = 1e-9;  // Above 0, to divide by.
  double pitch_x_ = 0;
  double pitch_y_ = 0;
  CategoryTicks ticks_below_;
  CategoryTicks ticks_left_;
  Box area_;
  SvgWriter svg_;
};

}  // namespace

std::string DrawHeatmap(const PlotData& data, const PlotOptions& options) {
  return Heatmap(data, options).Draw();
}

}  // namespace flwrcpp::internal
