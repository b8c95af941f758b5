// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/reply_aggregator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <variant>

#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/only_record.h"

namespace flwrcpp::internal {
namespace {

/// Length of a list; none for a number.
std::optional<std::size_t> ListLength(const MetricValue& value) {
  return std::visit(
      [](const auto& typed) -> std::optional<std::size_t> {
        if constexpr (requires { typed.size(); }) {
          return typed.size();
        } else {
          return std::nullopt;
        }
      },
      value);
}

std::string FormText(const MetricValue& value) {
  const std::optional<std::size_t> length = ListLength(value);
  return length.has_value() ? fmt::format("a list of {}", *length) : "a number";
}

}  // namespace

Status CheckNoError(const Message& reply) {
  if (!reply.has_error()) return absl::OkStatus();
  return InvalidArgument("error {} ({}): {}", reply.error().code, ErrorCodeName(reply.error().code),
                         reply.error().reason);
}

ReplyAggregatorOptions TrainAggregation(const FedAvgOptions& options,
                                        std::unique_ptr<ArraysAggregation> arrays) {
  ReplyAggregatorOptions aggregation;
  aggregation.weighted_by_key = options.weighted_by_key;
  aggregation.metrics_aggr_fn = options.train_metrics_aggr_fn;
  aggregation.arrays = std::move(arrays);
  return aggregation;
}

ReplyAggregator::ReplyAggregator(ReplyAggregatorOptions options) : options_(std::move(options)) {}

void ReplyAggregator::Add(Message reply) {
  const std::uint64_t node_id = reply.metadata().src_node_id;
  const Status status = TryAdd(std::move(reply));
  if (status.ok()) return;
  failures_.emplace_back(node_id,
                         fmt::format("node {}: {}", node_id, std::string(status.message())));
}

StatusOr<ReplyAggregator::Parts> ReplyAggregator::FindParts(const RecordDict& content) const {
  Parts parts;
  if (options_.arrays != nullptr) {
    FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                             FindOnly<ArrayRecord>(content, "ArrayRecord"));
    parts.arrays_name = item->first;
    parts.arrays = std::get<ArrayRecord>(item->second);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                           FindOnly<MetricRecord>(content, "MetricRecord"));
  parts.metrics_name = item->first;
  parts.metrics = std::get<MetricRecord>(item->second);
  const StatusOr<double> weight = parts.metrics.GetDouble(options_.weighted_by_key);
  if (!weight.ok()) {
    return Annotate(weight.status(), fmt::format("MetricRecord '{}'", parts.metrics_name));
  }
  if (!std::isfinite(*weight) || *weight < 0) {
    return InvalidArgument("MetricRecord '{}': '{}' is {}, expected a finite number of at least 0",
                           parts.metrics_name, options_.weighted_by_key, *weight);
  }
  if (options_.check_metrics) {
    const Status status = options_.check_metrics(parts.metrics);
    if (!status.ok()) {
      return Annotate(status, fmt::format("MetricRecord '{}'", parts.metrics_name));
    }
  }
  parts.weight = *weight;
  return parts;
}

Status ReplyAggregator::CompareWithReference(const Parts& parts) const {
  const WeightedMetrics& first = metrics_.front();
  if (parts.arrays_name != arrays_name_) {
    return InvalidArgument("the ArrayRecord is called '{}', node {} called it '{}'",
                           parts.arrays_name, first.node_id, arrays_name_);
  }
  if (parts.metrics_name != metrics_name_) {
    return InvalidArgument("the MetricRecord is called '{}', node {} called it '{}'",
                           parts.metrics_name, first.node_id, metrics_name_);
  }
  for (const auto& [key, value] : first.metrics) {
    const MetricValue* const other = parts.metrics.Find(key);
    if (other == nullptr) {
      return InvalidArgument("MetricRecord '{}' misses key '{}' that node {} sent", metrics_name_,
                             key, first.node_id);
    }
    // What a function of the application can do with lists is its own affair.
    if (!options_.metrics_aggr_fn && ListLength(*other) != ListLength(value)) {
      return InvalidArgument("MetricRecord '{}': '{}' is {}, node {} sent {}", metrics_name_, key,
                             FormText(*other), first.node_id, FormText(value));
    }
  }
  for (const auto& [key, unused] : parts.metrics) {
    if (!first.metrics.contains(key)) {
      return InvalidArgument("MetricRecord '{}' has key '{}' that node {} did not send",
                             metrics_name_, key, first.node_id);
    }
  }
  return absl::OkStatus();
}

Status ReplyAggregator::TryAdd(Message reply) {
  FLWRCPP_RETURN_IF_ERROR(CheckNoError(reply));
  FLWRCPP_ASSIGN_OR_RETURN(Parts parts, FindParts(reply.content()));
  if (!metrics_.empty()) FLWRCPP_RETURN_IF_ERROR(CompareWithReference(parts));
  if (!std::isfinite(total_weight_ + parts.weight)) {
    return InvalidArgument("the sum of '{}' overflows with {}", options_.weighted_by_key,
                           parts.weight);
  }
  const std::uint64_t node_id = reply.metadata().src_node_id;
  reply = Message();  // so that the mean can let go of each array that it has added
  if (options_.arrays != nullptr) {
    const Status added =
        AddArrays({node_id, std::move(parts.arrays), parts.weight, &parts.metrics});
    if (!added.ok()) return Annotate(added, fmt::format("ArrayRecord '{}'", parts.arrays_name));
  }
  if (metrics_.empty()) {
    arrays_name_ = parts.arrays_name;
    metrics_name_ = parts.metrics_name;
  }
  metrics_.push_back({node_id, parts.weight, std::move(parts.metrics)});
  total_weight_ += parts.weight;
  return absl::OkStatus();
}

Status ReplyAggregator::AddArrays(ArraysReply reply) {
  if (options_.global_layout.has_value()) {
    const StatusOr<ArrayLayout>& layout = *options_.global_layout;
    FLWRCPP_RETURN_IF_ERROR(layout.status());
    FLWRCPP_RETURN_IF_ERROR(layout->Open(reply.arrays).status());
  }
  return options_.arrays->Add(std::move(reply));
}

StatusOr<AggregateResult> ReplyAggregator::Finish() {
  if (total_weight_ == 0) {
    for (const WeightedMetrics& reply : metrics_) {
      failures_.emplace_back(reply.node_id,
                             fmt::format("node {}: '{}' is 0 for all nodes, so there is no mean",
                                         reply.node_id, options_.weighted_by_key));
    }
    metrics_.clear();
  }
  AggregateResult result;
  result.num_results = static_cast<int>(metrics_.size());
  result.failures = std::move(failures_);
  if (metrics_.empty()) return result;
  if (options_.arrays != nullptr) {
    FLWRCPP_ASSIGN_OR_RETURN(ArraysOutcome outcome, options_.arrays->Finish());
    if (outcome.chosen.has_value()) {
      std::vector<WeightedMetrics> chosen;
      for (const std::size_t position : *outcome.chosen) chosen.push_back(metrics_[position]);
      metrics_ = std::move(chosen);
      if (std::all_of(metrics_.begin(), metrics_.end(),
                      [](const WeightedMetrics& reply) { return reply.weight == 0; })) {
        Log(LogLevel::kWarning, "'{}' is 0 for all {} replies that were chosen: the model stays",
            options_.weighted_by_key, metrics_.size());
        return result;
      }
    }
    if (!outcome.arrays.has_value()) return result;
    result.arrays = std::move(outcome.arrays);
  }
  if (options_.metrics_aggr_fn) {
    FLWRCPP_ASSIGN_OR_RETURN(result.metrics,
                             CatchExceptions("the function that aggregates metrics",
                                             [&] { return options_.metrics_aggr_fn(metrics_); }));
  } else {
    FLWRCPP_ASSIGN_OR_RETURN(result.metrics, WeightedMean(metrics_, options_.weighted_by_key));
  }
  return result;
}

}  // namespace flwrcpp::internal
