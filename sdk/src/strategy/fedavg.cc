// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedavg.h"

#include <fmt/format.h>

#include <cstdint>
#include <random>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/arrays_aggregation.h"
#include "strategy/instructions.h"
#include "strategy/node_sampling.h"
#include "strategy/reply_aggregator.h"

namespace flwrcpp {
namespace {

using internal::Annotate;
using internal::InvalidArgument;

Status CheckFraction(const char* name, double fraction) {
  if (fraction >= 0 && fraction <= 1) return absl::OkStatus();
  return InvalidArgument("{} is {}, expected 0 to 1", name, fraction);
}

Status CheckMinimum(const char* name, int minimum) {
  if (minimum >= 0) return absl::OkStatus();
  return InvalidArgument("{} is {}, expected at least 0", name, minimum);
}

Status CheckKey(const char* name, const std::string& key) {
  if (!key.empty()) return absl::OkStatus();
  return InvalidArgument("{} is empty", name);
}

Status Check(const FedAvgOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(CheckFraction("fraction_train", options.fraction_train));
  FLWRCPP_RETURN_IF_ERROR(CheckFraction("fraction_evaluate", options.fraction_evaluate));
  FLWRCPP_RETURN_IF_ERROR(CheckMinimum("min_train_nodes", options.min_train_nodes));
  FLWRCPP_RETURN_IF_ERROR(CheckMinimum("min_evaluate_nodes", options.min_evaluate_nodes));
  FLWRCPP_RETURN_IF_ERROR(CheckMinimum("min_available_nodes", options.min_available_nodes));
  FLWRCPP_RETURN_IF_ERROR(CheckKey("weighted_by_key", options.weighted_by_key));
  FLWRCPP_RETURN_IF_ERROR(CheckKey("arrayrecord_key", options.arrayrecord_key));
  FLWRCPP_RETURN_IF_ERROR(CheckKey("configrecord_key", options.configrecord_key));
  if (options.arrayrecord_key == options.configrecord_key) {
    return InvalidArgument("arrayrecord_key and configrecord_key are both '{}'",
                           options.arrayrecord_key);
  }
  return absl::OkStatus();
}

std::uint64_t RandomSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

/// What one phase of a round asks of whom.
struct Phase {
  std::string_view type;
  double fraction = 0;
  int min_nodes = 0;
};

/// Chooses nodes and writes one message to each; all share one RecordDict.
StatusOr<std::vector<Message>> Configure(const Phase& phase, const FedAvgOptions& options,
                                         std::uint64_t seed, int server_round,
                                         const ArrayRecord& arrays, ConfigRecord config, Grid& grid,
                                         const std::stop_token& stop) {
  if (phase.fraction == 0) return std::vector<Message>();
  const internal::SampleRequest request{
      .phase = phase.type,
      .fraction = phase.fraction,
      .min_nodes = static_cast<std::size_t>(phase.min_nodes),
      .min_available_nodes = static_cast<std::size_t>(options.min_available_nodes),
      .seed = seed,
      .server_round = server_round};
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> node_ids,
                           internal::SampleNodes(grid, request, stop));

  return internal::MakeInstructions(phase.type, options, node_ids, server_round, arrays,
                                    std::move(config));
}

}  // namespace

StatusOr<std::unique_ptr<FedAvg>> FedAvg::Create(FedAvgOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedAvg", options));
  return std::unique_ptr<FedAvg>(new FedAvg(std::move(options)));
}

Status FedAvg::CheckOptions(const std::string& strategy, const FedAvgOptions& options) {
  const Status status = Check(options);
  return status.ok() ? status : Annotate(status, strategy);
}

FedAvg::FedAvg(FedAvgOptions options)
    : options_(std::move(options)),
      seed_(options_.seed.has_value() ? *options_.seed : RandomSeed()) {}

StatusOr<std::vector<Message>> FedAvg::ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                      const ConfigRecord& config, Grid& grid,
                                                      std::stop_token stop) {
  global_arrays_ = arrays;
  return Configure({message_type::kTrain, options_.fraction_train, options_.min_train_nodes},
                   options_, seed_, server_round, arrays, config, grid, stop);
}

std::unique_ptr<Aggregator> FedAvg::AggregateTrain(int /*server_round*/) {
  global_arrays_.clear();  // what the mean has no use for
  return std::make_unique<internal::ReplyAggregator>(
      internal::TrainAggregation(options_, std::make_unique<internal::MeanOfArrays>()));
}

ArrayRecord FedAvg::TakeGlobalArrays() { return std::exchange(global_arrays_, {}); }

StatusOr<std::vector<Message>> FedAvg::ConfigureEvaluate(int server_round,
                                                         const ArrayRecord& arrays,
                                                         const ConfigRecord& config, Grid& grid,
                                                         std::stop_token stop) {
  return Configure(
      {message_type::kEvaluate, options_.fraction_evaluate, options_.min_evaluate_nodes}, options_,
      seed_, server_round, arrays, config, grid, stop);
}

std::unique_ptr<Aggregator> FedAvg::AggregateEvaluate(int /*server_round*/) {
  internal::ReplyAggregatorOptions aggregation;
  aggregation.weighted_by_key = options_.weighted_by_key;
  aggregation.metrics_aggr_fn = options_.evaluate_metrics_aggr_fn;
  return std::make_unique<internal::ReplyAggregator>(std::move(aggregation));
}

std::vector<std::string> FedAvg::Summary() const {
  return {
      fmt::format("FedAvg: fraction_train {}, fraction_evaluate {}", options_.fraction_train,
                  options_.fraction_evaluate),
      fmt::format("min_train_nodes {}, min_evaluate_nodes {}, min_available_nodes {}",
                  options_.min_train_nodes, options_.min_evaluate_nodes,
                  options_.min_available_nodes),
      fmt::format("weighted_by_key '{}', arrayrecord_key '{}', configrecord_key '{}'",
                  options_.weighted_by_key, options_.arrayrecord_key, options_.configrecord_key),
  };
}

}  // namespace flwrcpp
