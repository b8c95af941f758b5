// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// FedAvg whose mean is not yet the new model: a step on the server makes that of the mean and of
/// the model that the nodes got. Base of FedAvgM, FedAdagrad, FedAdam and FedYogi, and made to be
/// derived from: a strategy of one's own writes `Step` and no more.
///
/// The mean is a stream as FedAvg's, so memory holds the global model, the mean and what the
/// strategy itself carries, whatever the number of nodes. Replies whose arrays do not fit the
/// global model in keys and shapes, or are not of real numbers, are failures of their nodes.
class ServerStep : public FedAvg {
 public:
  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;

 protected:
  /// As FedAvg's.
  explicit ServerStep(FedAvgOptions options) : FedAvg(std::move(options)) {}

  /// Makes the new model. Called once in each round that had usable replies; a strategy that keeps
  /// something from round to round changes it here. An error or an exception ends the run.
  /// @param global what the round's nodes got.
  /// @param mean has the keys and shapes of `global`, in the order of the first reply. Its arrays
  ///   are float16, float32 or float64.
  virtual StatusOr<ArrayRecord> Step(int server_round, const ArrayRecord& global,
                                     ArrayRecord mean) = 0;
};

}  // namespace flwrcpp
