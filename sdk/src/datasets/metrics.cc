// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

/// Counts are a table of labels by partitions: a column of all different values would fill memory.
constexpr std::size_t kMaxLabels = 100'000;

/// Number of each row's label, or `kNoLabel`; and the labels' texts.
struct NumberedLabels {
  static constexpr std::size_t kNoLabel = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> numbers;
  std::vector<std::string> labels;
};

template <typename T>
bool IsLabel(const T& value) {
  if constexpr (std::is_same_v<T, double>) return !std::isnan(value);
  return true;
}

template <typename T>
StatusOr<NumberedLabels> Number(const std::vector<T>& values) {
  std::vector<T> distinct;
  for (const T& value : values) {
    if (IsLabel(value)) distinct.push_back(value);
  }
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() > kMaxLabels) {
    return InvalidArgument("the column has {} different labels, more than {}", distinct.size(),
                           kMaxLabels);
  }
  NumberedLabels numbered;
  for (const T& value : distinct) numbered.labels.push_back(fmt::format("{}", value));
  numbered.numbers.reserve(values.size());
  for (const T& value : values) {
    const auto place = std::lower_bound(distinct.begin(), distinct.end(), value);
    numbered.numbers.push_back(IsLabel(value) ? static_cast<std::size_t>(place - distinct.begin())
                                              : NumberedLabels::kNoLabel);
  }
  return numbered;
}

/// Labels that are classes with names.
StatusOr<NumberedLabels> NumberClasses(const Column& column,
                                       const std::vector<std::string>& names) {
  const auto* const classes = std::get_if<std::vector<std::int64_t>>(&column);
  if (classes == nullptr) {
    return InvalidArgument("labels of type {} cannot have names, expected int64", TypeName(column));
  }
  NumberedLabels numbered;
  numbered.labels = names;
  numbered.numbers.reserve(classes->size());
  for (const std::int64_t label : *classes) {
    if (label < 0 || static_cast<std::uint64_t>(label) >= names.size()) {
      return InvalidArgument("the label {} has no name: there are {} names", label, names.size());
    }
    numbered.numbers.push_back(static_cast<std::size_t>(label));
  }
  return numbered;
}

StatusOr<NumberedLabels> NumberColumn(const Column& column) {
  return std::visit(
      [](const auto& values) -> StatusOr<NumberedLabels> {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, ArrayColumn>) {
          return InvalidArgument("arrays cannot be counted as labels");
        } else {
          return Number(values);
        }
      },
      column);
}

}  // namespace

StatusOr<LabelCounts> ComputeCounts(const Column& column, const Partitions& partitions,
                                    const CountOptions& options) {
  FLWRCPP_ASSIGN_OR_RETURN(NumberedLabels labels, options.label_names.empty()
                                                      ? NumberColumn(column)
                                                      : NumberClasses(column, options.label_names));
  const std::size_t num_partitions = options.max_num_partitions == 0
                                         ? partitions.size()
                                         : std::min(options.max_num_partitions, partitions.size());
  LabelCounts result;
  result.counts.reserve(num_partitions);
  for (std::size_t i = 0; i < num_partitions; ++i) {
    std::vector<std::int64_t>& counts = result.counts.emplace_back(labels.labels.size());
    for (const std::size_t row : partitions[i]) {
      if (row >= labels.numbers.size()) {
        return MakeError(StatusCode::kOutOfRange, "partition {} has row {}, the column has {} rows",
                         i, row, labels.numbers.size());
      }
      if (labels.numbers[row] != NumberedLabels::kNoLabel) ++counts[labels.numbers[row]];
    }
  }
  result.labels = std::move(labels.labels);
  return result;
}

LabelFrequencies ComputeFrequencies(const LabelCounts& counts) {
  LabelFrequencies result;
  result.labels = counts.labels;
  for (const auto& row : counts.counts) {
    const auto sum = static_cast<double>(std::accumulate(row.begin(), row.end(), std::int64_t{0}));
    std::vector<double>& frequencies = result.frequencies.emplace_back();
    for (const std::int64_t count : row) {
      frequencies.push_back(sum == 0 ? std::numeric_limits<double>::quiet_NaN()
                                     : static_cast<double>(count) / sum);
    }
  }
  return result;
}

}  // namespace flwrcpp::datasets
