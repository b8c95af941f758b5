// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/visualization.h"

#include <cmath>
#include <utility>

#include "datasets/plot.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;

constexpr std::size_t kMaxLines = 1000;

Status CheckCounts(const LabelCounts& counts) {
  const auto check = [](std::size_t number, const char* what) -> Status {
    if (number >= 1 && number <= kMaxLines) return {};
    return InvalidArgument("{} {} cannot be drawn, expected 1 to {}", number, what, kMaxLines);
  };
  FLWRCPP_RETURN_IF_ERROR(check(counts.counts.size(), "partitions"));
  FLWRCPP_RETURN_IF_ERROR(check(counts.labels.size(), "labels"));
  for (std::size_t i = 0; i < counts.counts.size(); ++i) {
    if (counts.counts[i].size() != counts.labels.size()) {
      return InvalidArgument("partition {} has {} counts for {} labels", i, counts.counts[i].size(),
                             counts.labels.size());
    }
    for (const std::int64_t count : counts.counts[i]) {
      if (count < 0) return InvalidArgument("partition {} has a count of {}", i, count);
    }
  }
  return {};
}

}  // namespace

StatusOr<std::string> PlotLabelDistributions(const LabelCounts& counts,
                                             const PlotOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(CheckCounts(counts));
  internal::PlotData data;
  data.labels = counts.labels;
  if (options.size_unit == SizeUnit::kAbsolute) {
    for (const auto& row : counts.counts) data.values.emplace_back(row.begin(), row.end());
  } else {
    data.values = ComputeFrequencies(counts).frequencies;
    for (auto& row : data.values) {
      for (double& value : row) value = std::isnan(value) ? 0 : 100 * value;
    }
  }
  return options.plot_type == PlotType::kBar ? internal::DrawBars(data, options)
                                             : internal::DrawHeatmap(data, options);
}

}  // namespace flwrcpp::datasets
