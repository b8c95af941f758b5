// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/krum.h"

#include <fmt/format.h>

#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/element_rows.h"
#include "strategy/kept_replies.h"
#include "strategy/krum_selection.h"

namespace flwrcpp {
namespace {

using internal::ArrayLayout;
using internal::ArraysOutcome;
using internal::ArraysReply;
using internal::InvalidArgument;

/// The mean of all rows, weighted by `weights`, of which one at least is above 0.
template <typename T>
void WeightedMeanOfRows(const std::vector<double>& weights, internal::ElementRows<T>& rows,
                        std::size_t count, T* out) {
  std::array<double, internal::kBlockElements> mean = {};
  double total = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (weights[r] == 0) continue;
    total += weights[r];
    const double take = weights[r] / total;
    const double keep = 1 - take;
    const T* const row = rows[r];
    for (std::size_t i = 0; i < count; ++i) {
      // Equal values stay what they are, infinities too.
      const double value = row[i];
      mean[i] = value == mean[i] || take == 1 ? value : mean[i] * keep + value * take;
    }
  }
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<T>(mean[i]);
}

StatusOr<ArraysOutcome> Combine(int num_malicious_nodes, int num_nodes_to_select,
                                const ArrayLayout& layout, std::vector<ArraysReply> replies) {
  std::vector<double> weights;
  for (const ArraysReply& reply : replies) weights.push_back(reply.weight);
  std::vector<ArrayRecord> arrays = internal::TakeArrays(std::move(replies));
  FLWRCPP_ASSIGN_OR_RETURN(const internal::Distances distances,
                           internal::SquaredDistances(layout, arrays));
  ArraysOutcome outcome;
  outcome.chosen = internal::SelectMultiKrum(distances, num_malicious_nodes,
                                             static_cast<std::size_t>(num_nodes_to_select));
  std::vector<ArrayRecord> chosen;
  std::vector<double> chosen_weights;
  double total_weight = 0;
  for (const std::size_t position : *outcome.chosen) {
    chosen.push_back(std::move(arrays[position]));
    chosen_weights.push_back(weights[position]);
    total_weight += weights[position];
  }
  arrays.clear();  // those that were left out are not needed any more
  if (total_weight == 0) return outcome;
  const auto mean = [&](auto& rows, std::size_t count, auto* out) {
    WeightedMeanOfRows(chosen_weights, rows, count, out);
  };
  FLWRCPP_ASSIGN_OR_RETURN(outcome.arrays,
                           internal::CombineElements(layout, std::move(chosen), mean));
  return outcome;
}

}  // namespace

StatusOr<std::unique_ptr<MultiKrum>> MultiKrum::Create(MultiKrumOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("MultiKrum", options));
  return std::unique_ptr<MultiKrum>(new MultiKrum(std::move(options)));
}

Status MultiKrum::CheckOptions(const std::string& strategy, const MultiKrumOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(FedAvg::CheckOptions(strategy, options));
  if (options.num_malicious_nodes < 0) {
    return InvalidArgument("{}: num_malicious_nodes is {}, expected at least 0", strategy,
                           options.num_malicious_nodes);
  }
  if (options.num_nodes_to_select < 1) {
    return InvalidArgument("{}: num_nodes_to_select is {}, expected at least 1", strategy,
                           options.num_nodes_to_select);
  }
  return absl::OkStatus();
}

MultiKrum::MultiKrum(MultiKrumOptions options)
    : FedAvg(options),
      num_malicious_nodes_(options.num_malicious_nodes),
      num_nodes_to_select_(options.num_nodes_to_select) {}

std::unique_ptr<Aggregator> MultiKrum::AggregateTrain(int /*server_round*/) {
  return internal::KeepReplies(options(), TakeGlobalArrays(),
                               [malicious = num_malicious_nodes_, select = num_nodes_to_select_](
                                   const ArrayLayout& layout, std::vector<ArraysReply> replies) {
                                 return Combine(malicious, select, layout, std::move(replies));
                               });
}

std::vector<std::string> MultiKrum::Summary() const {
  std::vector<std::string> lines = {
      fmt::format("MultiKrum: num_malicious_nodes {}, num_nodes_to_select {}", num_malicious_nodes_,
                  num_nodes_to_select_)};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

StatusOr<std::unique_ptr<Krum>> Krum::Create(KrumOptions options) {
  MultiKrumOptions all{options};
  all.num_malicious_nodes = options.num_malicious_nodes;
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("Krum", all));
  return std::unique_ptr<Krum>(new Krum(std::move(all)));
}

std::vector<std::string> Krum::Summary() const {
  std::vector<std::string> lines = {
      fmt::format("Krum: num_malicious_nodes {}", num_malicious_nodes())};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
