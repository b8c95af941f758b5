// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// Grows a forest of XGBoost: each round adds the trees that the nodes boosted on the global model
/// (`flwr.serverapp.strategy.FedXgbBagging`).
///
/// A model is what XGBoost's `save_raw("json")` gives (XGBoost 2.0 and later, booster `gbtree`), as
/// bytes in the only array of its record, which is uint8 and called "0". The initial arrays may
/// hold no bytes: then the first reply is the model that the others' trees are added to. Of each
/// reply the first `num_parallel_tree` trees are added, i.e. one round of boosting: nodes send the
/// part of their model that is new (`booster[a:b]`). As in Flower the rest of a model (objective,
/// feature names …) stays that of the global one.
///
/// Replies are added in the order of their node ids, whatever the order in which they arrive;
/// Flower adds them as they arrive. A reply that is not such a model, is larger than
/// `kMaxModelBytes`, nests too deeply, or has more than one group of trees (several classes or
/// targets, of which Flower would take one) is a failure of its node and adds nothing. The metrics
/// are the mean of all replies', weighted by examples.
///
/// Keeps all replies until the last one is there; adding takes memory for the parsed global model,
/// some times the size of its text. State: none.
class FedXgbBagging : public FedAvg {
 public:
  /// Bytes of the largest model that is taken from a node.
  static constexpr std::size_t kMaxModelBytes = std::size_t{256} << 20;

  /// @return `kInvalidArgument` as FedAvg.
  static StatusOr<std::unique_ptr<FedXgbBagging>> Create(FedAvgOptions options);

  /// @return as FedAvg, and `kInvalidArgument` when `arrays` is not one uint8 array called "0".
  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  std::vector<std::string> Summary() const override;

 private:
  using FedAvg::FedAvg;
};

}  // namespace flwrcpp
