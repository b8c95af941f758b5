// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/server_step.h"

namespace flwrcpp {

/// Settings of `FedAvgM`, with Flower's names and defaults.
struct FedAvgMOptions : FedAvgOptions {
  double server_learning_rate = 1.0;
  double server_momentum = 0.0;
};

/// Averaging with momentum on the server (Hsu et al., 2019, "Measuring the Effects of Non-Identical
/// Data Distribution for Federated Visual Classification"; `flwr.serverapp.strategy.FedAvgM`).
///
/// With θ the global model, a the mean of FedAvg and g = θ − a: m ← server_momentum · m + g (m is 0
/// at first), and the new model is θ − server_learning_rate · m. No Nesterov. With a learning rate
/// of 1 and no momentum it is FedAvg.
///
/// The arrays have the types of FedAvg's mean. Computed in double; m is kept as float32, for
/// float64 arrays as float64. State: the record `momentum`, when there is a momentum.
class FedAvgM : public ServerStep {
 public:
  /// @return `kInvalidArgument` as FedAvg, for a learning rate that is not above 0 or a negative
  ///   momentum, and for numbers that are not finite.
  static StatusOr<std::unique_ptr<FedAvgM>> Create(FedAvgMOptions options);

  RecordDict State() const override;
  Status RestoreState(const RecordDict& state) override;
  std::vector<std::string> Summary() const override;

 protected:
  StatusOr<ArrayRecord> Step(int server_round, const ArrayRecord& global,
                             ArrayRecord mean) override;

 private:
  explicit FedAvgM(FedAvgMOptions options);

  double learning_rate_;
  double momentum_;
  ArrayRecord momentum_arrays_;  ///< m; empty before the first step.
};

}  // namespace flwrcpp
