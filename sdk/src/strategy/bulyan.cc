// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/bulyan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/log.h"
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
using internal::MakeError;

/// What `rule` chose, in ascending order.
StatusOr<std::vector<std::size_t>> AskRule(const SelectionRule& rule,
                                           const std::vector<ArraysReply>& replies,
                                           int num_malicious_nodes,
                                           std::size_t num_nodes_to_select) {
  std::vector<SelectionCandidate> candidates;
  candidates.reserve(replies.size());
  for (const ArraysReply& reply : replies) {
    candidates.push_back({reply.node_id, reply.weight, reply.arrays});
  }
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<std::size_t> chosen,
                           internal::CatchExceptions("selection_rule", [&] {
                             return rule(candidates, num_malicious_nodes, num_nodes_to_select);
                           }));
  std::sort(chosen.begin(), chosen.end());
  if (chosen.size() != num_nodes_to_select || chosen.back() >= replies.size() ||
      std::adjacent_find(chosen.begin(), chosen.end()) != chosen.end()) {
    return MakeError(StatusCode::kInternal,
                     "selection_rule gave [{}], expected {} different positions below {}",
                     fmt::join(chosen, ", "), num_nodes_to_select, replies.size());
  }
  return chosen;
}

/// The mean of the `nearest` values around the median at each position. In sorted rows they are
/// neighbours, so that leaving out the farther end again and again finds them.
template <typename T>
void MeanAroundMedian(internal::ElementRows<T>& rows, std::size_t nearest, std::size_t count,
                      T* out) {
  internal::SortRows(rows, count);
  std::array<T, internal::kBlockElements> medians;
  internal::MedianOfSorted(rows, count, medians.data());
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t begin = 0;
    std::size_t end = rows.size();
    while (end - begin > nearest) {
      if (medians[i] - rows[begin][i] > rows[end - 1][i] - medians[i]) {
        ++begin;
      } else {
        --end;
      }
    }
    double sum = 0;
    for (std::size_t r = begin; r < end; ++r) sum += static_cast<double>(rows[r][i]);
    out[i] = static_cast<T>(sum / static_cast<double>(nearest));
  }
}

StatusOr<ArraysOutcome> Combine(std::size_t f, const SelectionRule& rule, const ArrayLayout& layout,
                                std::vector<ArraysReply> replies) {
  const std::size_t needed = 4 * f + 3;
  if (replies.size() < needed) {
    internal::Log(LogLevel::kWarning,
                  "Bulyan: {} usable replies, expected at least {} (4 * num_malicious_nodes + 3): "
                  "the model stays as it is",
                  replies.size(), needed);
    return ArraysOutcome();
  }
  const std::size_t num_chosen = replies.size() - 2 * f;
  const int num_malicious_nodes = static_cast<int>(f);
  ArraysOutcome outcome;
  if (rule) {
    FLWRCPP_ASSIGN_OR_RETURN(outcome.chosen,
                             AskRule(rule, replies, num_malicious_nodes, num_chosen));
  }
  std::vector<ArrayRecord> arrays = internal::TakeArrays(std::move(replies));
  if (!rule) {
    FLWRCPP_ASSIGN_OR_RETURN(const internal::Distances distances,
                             internal::SquaredDistances(layout, arrays));
    outcome.chosen = internal::SelectMultiKrum(distances, num_malicious_nodes, num_chosen);
  }
  std::vector<ArrayRecord> chosen;
  for (const std::size_t position : *outcome.chosen) {
    chosen.push_back(std::move(arrays[position]));
  }
  arrays.clear();  // those that were left out are not needed any more
  const auto mean = [nearest = num_chosen - 2 * f](auto& rows, std::size_t count, auto* out) {
    MeanAroundMedian(rows, nearest, count, out);
  };
  FLWRCPP_ASSIGN_OR_RETURN(outcome.arrays,
                           internal::CombineElements(layout, std::move(chosen), mean));
  return outcome;
}

}  // namespace

StatusOr<std::unique_ptr<Bulyan>> Bulyan::Create(BulyanOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("Bulyan", options));
  if (options.num_malicious_nodes < 0) {
    return InvalidArgument("Bulyan: num_malicious_nodes is {}, expected at least 0",
                           options.num_malicious_nodes);
  }
  return std::unique_ptr<Bulyan>(new Bulyan(std::move(options)));
}

Bulyan::Bulyan(BulyanOptions options)
    : FedAvg(options),
      num_malicious_nodes_(options.num_malicious_nodes),
      selection_rule_(std::move(options.selection_rule)) {}

std::unique_ptr<Aggregator> Bulyan::AggregateTrain(int /*server_round*/) {
  return internal::KeepReplies(options(), TakeGlobalArrays(),
                               [this](const ArrayLayout& layout, std::vector<ArraysReply> replies) {
                                 return Combine(static_cast<std::size_t>(num_malicious_nodes_),
                                                selection_rule_, layout, std::move(replies));
                               });
}

std::vector<std::string> Bulyan::Summary() const {
  std::vector<std::string> lines = {
      fmt::format("Bulyan: num_malicious_nodes {}, selection_rule {}", num_malicious_nodes_,
                  selection_rule_ ? "of the application" : "as MultiKrum")};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
