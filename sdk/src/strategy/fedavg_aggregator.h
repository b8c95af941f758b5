// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "strategy/weighted_mean.h"

namespace flwrcpp::internal {

/// What a `FedAvgAggregator` has to know of its strategy.
struct FedAvgAggregatorOptions {
  bool with_arrays = false;  ///< A train round; of evaluate replies only the metrics count.
  std::string weighted_by_key;
  MetricsAggregationFn metrics_aggr_fn;  ///< Empty: `WeightedMean`.
};

/// The weighted mean of one round's replies. The first valid reply decides what the others have to
/// look like; one that does not fit it is a failure of its node.
class FedAvgAggregator : public Aggregator {
 public:
  explicit FedAvgAggregator(FedAvgAggregatorOptions options);

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

  FedAvgAggregatorOptions options_;
  std::string arrays_name_;   ///< Of the first valid reply's record.
  std::string metrics_name_;  ///< Likewise.
  WeightedArrayMean arrays_mean_;
  std::vector<WeightedMetrics> metrics_;  ///< One for each valid reply.
  double total_weight_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> failures_;
};

}  // namespace flwrcpp::internal
