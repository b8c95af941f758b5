// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "internal/errors.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;

/// Adds `value * share` to `sum`, which gets its form from the first value.
/// @return false when the value is of another form (number, or list of another length).
bool AddShare(const MetricValue& value, double share, bool first, MetricValue& sum) {
  return std::visit(
      [&](const auto& typed) {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(typed)>>) {
          if (first) sum = 0.0;
          auto* const number = std::get_if<double>(&sum);
          if (number == nullptr) return false;
          *number += static_cast<double>(typed) * share;
        } else {
          if (first) sum = std::vector<double>(typed.size());
          auto* const list = std::get_if<std::vector<double>>(&sum);
          if (list == nullptr || list->size() != typed.size()) return false;
          for (std::size_t i = 0; i < typed.size(); ++i) {
            (*list)[i] += static_cast<double>(typed[i]) * share;
          }
        }
        return true;
      },
      value);
}

}  // namespace

StatusOr<MetricRecord> WeightedMean(const std::vector<WeightedMetrics>& replies,
                                    std::string_view weighted_by_key) {
  double total = 0;
  for (const WeightedMetrics& reply : replies) {
    if (!std::isfinite(reply.weight) || reply.weight < 0) {
      return InvalidArgument("node {}: expected a finite weight of at least 0, got {}",
                             reply.node_id, reply.weight);
    }
    total += reply.weight;
  }
  if (total == 0 || !std::isfinite(total)) {
    return InvalidArgument("the weights of {} replies sum up to {}", replies.size(), total);
  }
  MetricRecord mean;
  for (const auto& [key, unused] : replies.front().metrics) {
    if (key == weighted_by_key) continue;
    MetricValue sum;
    for (const WeightedMetrics& reply : replies) {
      const MetricValue* value = reply.metrics.Find(key);
      if (value == nullptr) {
        return InvalidArgument("node {}: metric '{}' is missing", reply.node_id, key);
      }
      if (!AddShare(*value, reply.weight / total, &reply == &replies.front(), sum)) {
        return InvalidArgument("node {}: metric '{}' has another form than at node {}",
                               reply.node_id, key, replies.front().node_id);
      }
    }
    mean.Set(key, std::move(sum));
  }
  return mean;
}

}  // namespace flwrcpp
