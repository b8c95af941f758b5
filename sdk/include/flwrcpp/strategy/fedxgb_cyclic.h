// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// Hands a model from node to node: each round one node trains it and one evaluates it, in turn
/// (`flwr.serverapp.strategy.FedXgbCyclic`).
///
/// Nodes get a place in the line when a round first sees them online, and keep it; those that come
/// together stand by their ids, where Flower draws lots. In round r it is the turn of the one at
/// position (r − 1) mod n of the n that are online. The arrays of its reply become the global model
/// as they are, whatever they hold; a reply with arrays that cannot be read, or none, is a failure
/// of its node, and the model stays.
///
/// A phase waits for min_available_nodes, and for min_train_nodes or min_evaluate_nodes (fixed to
/// 2, their default, in Flower). `fraction_train` and `fraction_evaluate` are 1, or 0 to leave the
/// phase out: Flower has no use for that of evaluation and fails with the other one.
///
/// Memory holds the global model and one reply. State: the record `registered_nodes`, the line.
class FedXgbCyclic : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for a fraction between 0 and 1.
  static StatusOr<std::unique_ptr<FedXgbCyclic>> Create(FedAvgOptions options);

  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  StatusOr<std::vector<Message>> ConfigureEvaluate(int server_round, const ArrayRecord& arrays,
                                                   const ConfigRecord& config, Grid& grid,
                                                   std::stop_token stop) override;
  RecordDict State() const override;
  Status RestoreState(const RecordDict& state) override;
  std::vector<std::string> Summary() const override;

 private:
  using FedAvg::FedAvg;

  /// One message to the node whose turn it is.
  StatusOr<std::vector<Message>> Configure(std::string_view message_type, int min_nodes,
                                           int server_round, const ArrayRecord& arrays,
                                           const ConfigRecord& config, Grid& grid,
                                           const std::stop_token& stop);

  std::vector<std::uint64_t> registered_nodes_;  ///< In the order of the line.
};

}  // namespace flwrcpp
