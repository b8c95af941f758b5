// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrays/array_layout.h"
#include "flwrcpp/strategy/fedavg.h"
#include "strategy/arrays_aggregation.h"

namespace flwrcpp::internal {

/// What a `ReplyAggregator` has to know of its strategy.
struct ReplyAggregatorOptions {
  std::string weighted_by_key;
  MetricsAggregationFn metrics_aggr_fn;  ///< Empty: `WeightedMean`.
  /// What becomes of the arrays. Null: an evaluate round, in which only metrics count.
  std::unique_ptr<ArraysAggregation> arrays;
  /// Of the model that the round's nodes got: arrays that do not fit it are failures, and all are
  /// if the model itself could not be read. Absent: it does not matter.
  std::optional<StatusOr<ArrayLayout>> global_layout;
  /// A condition for the metrics of a reply, if any.
  std::function<Status(const MetricRecord& metrics)> check_metrics;
};

/// The options for a train round of a strategy with these settings.
ReplyAggregatorOptions TrainAggregation(const FedAvgOptions& options,
                                        std::unique_ptr<ArraysAggregation> arrays);

/// @return `kInvalidArgument` with the error if the reply is one.
Status CheckNoError(const Message& reply);

/// Takes the replies of a round apart and checks them; sums up the metrics, and hands the arrays
/// on. The first valid reply decides what the others have to look like; one that does not fit it is
/// a failure of its node.
class ReplyAggregator : public Aggregator {
 public:
  explicit ReplyAggregator(ReplyAggregatorOptions options);

  void Add(Message reply) override;
  StatusOr<AggregateResult> Finish() override;

 private:
  /// The parts of a reply that count; the arrays share its data.
  struct Parts {
    std::string arrays_name;
    ArrayRecord arrays;
    std::string metrics_name;
    MetricRecord metrics;
    double weight = 0;
  };

  StatusOr<Parts> FindParts(const RecordDict& content) const;
  Status CompareWithReference(const Parts& parts) const;
  Status TryAdd(Message reply);
  Status AddArrays(ArraysReply reply);

  ReplyAggregatorOptions options_;
  std::string arrays_name_;               ///< Of the first valid reply's record.
  std::string metrics_name_;              ///< Likewise.
  std::vector<WeightedMetrics> metrics_;  ///< One for each valid reply.
  double total_weight_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> failures_;
};

}  // namespace flwrcpp::internal
