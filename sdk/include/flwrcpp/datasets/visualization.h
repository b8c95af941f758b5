// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "flwrcpp/datasets/metrics.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

enum class PlotType {
  kBar,      ///< A stacked bar for each partition, in a colour for each label.
  kHeatmap,  ///< A field for each partition and label, the darker the more it is.
};

enum class SizeUnit {
  kAbsolute,  ///< Numbers of samples.
  kPercent,   ///< Percent of the partition.
};

/// The axis that has the partitions.
enum class PartitionIdAxis { kX, kY };

struct PlotOptions {
  PlotType plot_type = PlotType::kBar;
  SizeUnit size_unit = SizeUnit::kAbsolute;
  PartitionIdAxis partition_id_axis = PartitionIdAxis::kX;
  std::string title = "Per Partition Label Distribution";

  /// Says which colour stands for what, to the right of the plot.
  bool legend = false;

  /// Empty: "Labels" above the colours of bars, the unit beside those of a heat map.
  std::string legend_title = {};
};

/// Draws who holds what as an SVG image, complete in itself: no script, no font and no file beside
/// it. Browsers show the numbers where the pointer rests (left out of images with more than 5,000
/// fields), and a heat map has them in its fields where there is room.
/// (`flwr_datasets.visualization.plot_label_distributions`)
///
/// All texts are escaped; what is no UTF-8 in them appears as U+FFFD, and long labels are cut.
///
/// @return the text of the image; `kInvalidArgument` without partitions or labels, or for more than
///   1,000 of either (`CountOptions::max_num_partitions` takes the first ones).
StatusOr<std::string> PlotLabelDistributions(const LabelCounts& counts, const PlotOptions& options);

}  // namespace flwrcpp::datasets
