// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// Settings of `FedProx`, with Flower's names and defaults.
struct FedProxOptions : FedAvgOptions {
  double proximal_mu = 0.0;  ///< Weight of the proximal term; 0 makes it FedAvg.
};

/// FedAvg that tells the nodes to stay near the global model (Li et al., 2018, "Federated
/// Optimization in Heterogeneous Networks"; `flwr.serverapp.strategy.FedProx`).
///
/// Train messages carry `proximal-mu` (a double) in their config. The rest is the nodes' part: they
/// add proximal-mu / 2 · ‖w − θ‖² to their loss, θ being the model they got. State: none.
class FedProx : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for a negative or infinite `proximal_mu`.
  static StatusOr<std::unique_ptr<FedProx>> Create(FedProxOptions options);

  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  std::vector<std::string> Summary() const override;

 private:
  explicit FedProx(FedProxOptions options);

  double proximal_mu_;
};

}  // namespace flwrcpp
