// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// Settings of `QFedAvg`, with Flower's names and defaults.
struct QFedAvgOptions : FedAvgOptions {
  double client_learning_rate = 0;            ///< Of the nodes' training, above 0; has no default.
  double q = 0.1;                             ///< Degree of fairness, at least 0.
  std::string train_loss_key = "train_loss";  ///< The metric that is the loss of training.
};

/// Averaging that gives nodes with a high loss more say (Li et al., 2019, "Fair Resource Allocation
/// in Federated Learning"; `flwr.serverapp.strategy.QFedAvg`).
///
/// With θ the global model, L = 1 / client_learning_rate, and w_k and ℓ_k arrays and loss of a
/// reply (ℓ_k with 1e-10 added): d_k = L · (θ − w_k), h_k = q · ℓ_k^(q−1) · ‖d_k‖² + L · ℓ_k^q, and
/// the new model is θ − Σ ℓ_k^q · d_k / Σ h_k. With q = 0 it is the plain mean. Examples do not
/// weigh; they do in the metrics. A round in which every ℓ_k^q is 0 leaves the model as it is.
///
/// A stream as FedAvg: memory holds the global model, one accumulator and the reply at hand. The
/// order in which replies arrive matters by rounding only. A reply without a loss, with one that is
/// negative, infinite or NaN, whose arrays do not fit the global model in keys and shapes, are not
/// of real numbers, or whose h_k is not finite (as with NaN or infinity in its arrays) is a failure
/// of its node. In Flower a missing loss ends the run.
///
/// The arrays have the types of FedAvg's mean, where Flower makes float64 of float32 and does not
/// take integers. Computed in double, accumulated in the type of the mean. State: none.
class QFedAvg : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg, for numbers out of range and an empty key.
  static StatusOr<std::unique_ptr<QFedAvg>> Create(QFedAvgOptions options);

  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  std::vector<std::string> Summary() const override;

 private:
  explicit QFedAvg(QFedAvgOptions options);

  double client_learning_rate_;
  double q_;
  std::string train_loss_key_;
};

}  // namespace flwrcpp
