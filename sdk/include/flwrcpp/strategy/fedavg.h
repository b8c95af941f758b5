// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/strategy/strategy.h"

namespace flwrcpp {

/// The metrics of one reply and its weight (the number of examples).
struct WeightedMetrics {
  std::uint64_t node_id = 0;
  double weight = 0;
  MetricRecord metrics;  ///< As the node sent them, the weight's key included.
};

/// Makes one record of all replies' metrics; at least one, in the order of their arrival, or of
/// their node ids where a strategy keeps all replies. An error or an exception ends the run.
using MetricsAggregationFn =
    std::function<StatusOr<MetricRecord>(const std::vector<WeightedMetrics>& replies)>;

/// The mean of every metric but the weight's key, weighted by examples; lists element by element.
/// @return `kInvalidArgument` when the weights sum up to 0, or when a reply misses a metric of the
///   first one or has it in another form.
StatusOr<MetricRecord> WeightedMean(const std::vector<WeightedMetrics>& replies,
                                    std::string_view weighted_by_key);

/// Settings of `FedAvg`, with Flower's names and defaults.
struct FedAvgOptions {
  double fraction_train = 1.0;     ///< Of the online nodes; 0 leaves the phase out.
  double fraction_evaluate = 1.0;  ///< Likewise.
  int min_train_nodes = 2;
  int min_evaluate_nodes = 2;
  int min_available_nodes = 2;  ///< A phase waits until so many nodes are online.
  std::string weighted_by_key = "num-examples";
  std::string arrayrecord_key = "arrays";
  std::string configrecord_key = "config";
  MetricsAggregationFn train_metrics_aggr_fn;     ///< Empty: `WeightedMean`.
  MetricsAggregationFn evaluate_metrics_aggr_fn;  ///< Empty: `WeightedMean`.
  /// Seed of the sampling of nodes: the same nodes online in a round give the same choice, also
  /// when a run goes on from a checkpoint. Empty: random.
  std::optional<std::uint64_t> seed;
};

/// Federated averaging (McMahan et al., 2017, "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data"): the mean of all replies' arrays, weighted by their examples.
///
/// The mean is a stream: each reply is added when it arrives and let go, so memory holds the
/// accumulator and the reply at hand, not all of them. float16/32/64 keep their type, integers and
/// bool become float64 (as NumPy's product with a Python float).
///
/// The first valid reply of a round decides on the names of the records, the keys, shapes and types
/// of the arrays and the keys of the metrics. A reply that differs, or whose weight is missing, NaN
/// or negative, is a failure of its node and leaves no trace in the mean. A round whose weights are
/// all 0 has failures only.
class FedAvg : public Strategy {
 public:
  /// @return `kInvalidArgument` for a fraction outside [0, 1], a negative minimum or an empty key.
  static StatusOr<std::unique_ptr<FedAvg>> Create(FedAvgOptions options);

  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  StatusOr<std::vector<Message>> ConfigureEvaluate(int server_round, const ArrayRecord& arrays,
                                                   const ConfigRecord& config, Grid& grid,
                                                   std::stop_token stop) override;
  std::unique_ptr<Aggregator> AggregateEvaluate(int server_round) override;
  std::vector<std::string> Summary() const override;

  /// The metric that is the weight of a reply.
  const std::string& weighted_by_key() const { return options_.weighted_by_key; }

 protected:
  /// For strategies that differ from it in a part. `options` have passed CheckOptions.
  explicit FedAvg(FedAvgOptions options);

  /// @return as `Create`, with `strategy` in front of the text.
  static Status CheckOptions(const std::string& strategy, const FedAvgOptions& options);

  const FedAvgOptions& options() const { return options_; }

  /// The seed of the options, or the random one in its place.
  std::uint64_t seed() const { return seed_; }

  /// The arrays that the last ConfigureTrain got, for an AggregateTrain to compute with; empty when
  /// they were taken before. Who takes them lets go of them at the end of the round.
  ArrayRecord TakeGlobalArrays();

 private:
  FedAvgOptions options_;
  std::uint64_t seed_;
  ArrayRecord global_arrays_;
};

}  // namespace flwrcpp
