// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "flwrcpp/strategy/strategy_wrapper.h"

namespace flwrcpp {

/// Settings of `SecAggPlusWorkflow`, with Flower's names and defaults.
struct SecAggPlusOptions {
  /// Into how many shares each node's secrets are cut: one for itself, one for each neighbour. An
  /// int is that number, from 3 on; an even one that is not the number of the round's nodes is
  /// taken for one more, as neighbours come in pairs. A double is a fraction of the round's nodes;
  /// 1.0 (or the int 1), the default, means all of them, which is SecAgg.
  std::variant<int, double> num_shares = 1.0;

  /// How many shares give a secret back: so many neighbours must stay to the end, and fewer of them
  /// together learn nothing. An int is that number, from 2 on and below an int `num_shares`; a
  /// double (or the int 1, for 1.0) a fraction of the shares, in (0, 1]. Must be set: there is no
  /// default.
  std::variant<int, double> reconstruction_threshold = 0;

  /// The most examples that a node can count with; too large a number costs precision.
  double max_weight = 1000;

  /// Elements of a model, multiplied with the node's examples / `max_weight`, are cut off beyond
  /// this on either side of 0.
  double clipping_range = 8;

  /// How many steps there are from one end of the clipping range to the other, up to 2^30.
  std::int64_t quantization_range = std::int64_t{1} << 22;

  /// The modulus of masked numbers: a power of 2 above `quantization_range`, at most 2^62, and at
  /// least `quantization_range` for each node in the round, else the sum might not fit.
  std::int64_t modulus_range = std::int64_t{1} << 32;

  /// How long each of the four stages may take, for all nodes together; who did not answer by then
  /// has dropped out. Empty, and at most: what is left of `StartOptions::timeout`.
  std::optional<std::chrono::duration<double>> timeout;
};

/// The server's side of secure aggregation: from its nodes' models it learns the weighted mean and
/// nothing else, as long as it keeps to the protocol. What that is worth, and what is not
/// protected, is said in `docs/secure-aggregation.md`. (`flwr.server.workflow.SecAggPlusWorkflow`;
/// SecAgg+: Bell et al., 2020, "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead")
///
/// It is a strategy around another one, which chooses the nodes, says what they get and makes of
/// their replies what it always does; but what it finds in each reply is the mean of all nodes:
///
///     auto workflow = SecAggPlusWorkflow::Create(std::move(fedavg), options);
///     workflow.value()->Start(grid, std::move(start_options));
///
/// So FedAvg and what makes a step of the mean (FedAvgM, FedOpt) work as ever; a strategy that
/// compares replies (a median) finds nothing to compare, and one that carries out its train phase
/// itself (FedBuff) is not asked to. Nodes need `SecAggPlusMod`, or stock `secaggplus_mod`, around
/// a ClientApp that knows classic records (`fitins.*`): `MakeClientApp`, or a `client_fn` in
/// Python. A node's examples and metrics come in the clear. The inner strategy has to weight by
/// `num-examples`, as all do by default.
///
/// Nodes may drop out in any stage, by an error or by silence, and are failures then. While enough
/// are left the result is the mean of those whose masked model came; else all nodes of the round
/// are failures, with the reason, and the model stays what it was. No place is given to another
/// node: `StartOptions::over_selection` and `max_redispatches` do not count for training.
///
/// The mean comes under the names and in the shapes of what was sent; float32 if that was, else
/// float64. Its error is at most one step, `2 * clipping_range / quantization_range`, times
/// `max_weight` over the mean number of examples. Memory: 8 bytes for each element, and one node's
/// reply. It carries nothing from round to round: its state is that of the inner strategy.
class SecAggPlusWorkflow : public StrategyWrapper {
 public:
  /// @return `kInvalidArgument` without a strategy, or naming a setting that is out of range.
  static StatusOr<std::unique_ptr<SecAggPlusWorkflow>> Create(std::unique_ptr<Strategy> strategy,
                                                              SecAggPlusOptions options);

  /// @return also `kInvalidArgument` where the inner strategy's messages are not of type `train`
  ///   with one ArrayRecord and one ConfigRecord each, or two are for one node.
  StatusOr<std::optional<AggregateResult>> RunTrain(const TrainPhase& phase) override;

  /// @return `kFailedPrecondition`: a strategy around this one would send the messages as they are,
  ///   and the nodes' models would come unprotected.
  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  std::vector<std::string> Summary() const override;

 private:
  SecAggPlusWorkflow(std::unique_ptr<Strategy> strategy, SecAggPlusOptions options);

  SecAggPlusOptions options_;
};

/// SecAgg (Bonawitz et al., 2017, "Practical Secure Aggregation for Privacy-Preserving Machine
/// Learning"): SecAgg+ with all nodes of the round as neighbours of each. More robust and more
/// work: it grows with the square of the nodes. (`flwr.server.workflow.SecAggWorkflow`)
/// @return as `SecAggPlusWorkflow::Create`; `options.num_shares` must be as it is by default.
StatusOr<std::unique_ptr<SecAggPlusWorkflow>> MakeSecAggWorkflow(std::unique_ptr<Strategy> strategy,
                                                                 SecAggPlusOptions options);

}  // namespace flwrcpp
