// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// Settings of `FedBuff`. Of FedAvg's, `fraction_train` and `min_train_nodes` say how many nodes
/// train at a time when `concurrency` does not.
struct FedBuffOptions : FedAvgOptions {
  int buffer_size = 10;  ///< K: updates that make a new version of the model.
  /// M: nodes that train at a time. 0: max(⌊online · fraction_train⌋, min_train_nodes).
  int concurrency = 0;
  double server_learning_rate = 1.0;  ///< η
  /// a in the weight s(τ) = (1 + τ)^−a of an update that is τ versions old. 0: all count the same.
  double staleness_exponent = 0.5;
  /// Updates that are more versions old than this are left out. Empty: none are.
  std::optional<int> max_staleness = std::nullopt;
  /// Weights updates by their examples too. The paper does not.
  bool weight_by_examples = false;
};

/// Asynchronous aggregation in a buffer (Nguyen et al., 2022, "Federated Learning with Buffered
/// Asynchronous Aggregation"). Not in Flower; its nodes are ordinary ones, which get ordinary train
/// messages.
///
/// Nodes train all the time, up to `concurrency` of them. Who has answered is idle, and each free
/// place goes at once to a random idle node, with the newest model; if all nodes train at a time
/// that is the one that has answered. A reply counts by its update, what it sent minus the version
/// it was given. K updates make a new version θ of the model:
///
///   θ ← θ + η · Σ nᵢ · s(τᵢ) · (wᵢ − θᵢ) / Σ nᵢ,  s(τ) = (1 + τ)^−staleness_exponent
///
/// with wᵢ the arrays of a reply, θᵢ those it was made from, τᵢ the versions that were made since,
/// and nᵢ = 1, or its examples with `weight_by_examples`. Staleness takes from an update's effect
/// and gives the other ones no more. With η = 1 and weights by examples, a buffer that holds one
/// fresh update of each node gives FedAvg's mean, but for rounding.
///
/// A round of `Start` is the making of one version. It ends early, with the updates there are, at
/// `StartOptions::timeout` or when no node is left to ask: one whose reply is an error or does not
/// fit the model is a failure and is asked again in the next round only. `over_selection` and
/// `max_redispatches` have no part in training. In its RoundReport `sampled_train` is the number of
/// replies that came, and `num_late` the number of those that were too old. Metrics are the mean
/// by examples over the updates of the round, whatever their age.
///
/// Evaluation on nodes asks those that do not train just then, so that nobody waits for a long
/// training: max(⌊online · fraction_evaluate⌋, min_evaluate_nodes) of them, or as many as there
/// are, at least the node whose reply was the last. While a model is evaluated, on nodes or on the
/// server, the others go on training; who gets ready meanwhile waits until the next round begins.
///
/// Memory: the global model, one accumulator, the reply at hand and its update, and each version
/// that a node still trains from; of those at most max_staleness + 1. A node that trains from an
/// older one no longer takes a place either.
///
/// `State` is empty: between rounds the buffer is empty, and what nodes are at work on does not
/// outlive the run. A run that goes on from a checkpoint asks its nodes anew; what the stopped run
/// had asked for is lost, which costs at most `concurrency` updates.
///
/// It has no rounds that another strategy could wrap: `ConfigureTrain` is an error.
class FedBuff : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg, for a `buffer_size` below 1, a learning rate that is not
  ///   above 0, a negative `concurrency`, `staleness_exponent` or `max_staleness`, and for numbers
  ///   that are not finite.
  static StatusOr<std::unique_ptr<FedBuff>> Create(FedBuffOptions options);
  ~FedBuff() override;

  /// @return `kFailedPrecondition`.
  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  StatusOr<std::vector<Message>> ConfigureEvaluate(int server_round, const ArrayRecord& arrays,
                                                   const ConfigRecord& config, Grid& grid,
                                                   std::stop_token stop) override;
  StatusOr<std::optional<AggregateResult>> RunTrain(const TrainPhase& phase) override;
  std::vector<std::string> Summary() const override;
  StatusOr<Result> Start(Grid& grid, StartOptions options) override;

 private:
  class Training;
  class Round;

  explicit FedBuff(FedBuffOptions options);

  FedBuffOptions options_;
  std::unique_ptr<Training> training_;  ///< Of the run.
};

}  // namespace flwrcpp
