// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// The median of the replies (Yin et al., 2018, "Byzantine-Robust Distributed Learning: Towards
/// Optimal Statistical Rates"; `flwr.serverapp.strategy.FedMedian`).
///
/// Each element of the new model is the median of that element in all replies, of an even number
/// the mean of the two in the middle. Examples do not weigh; they do in the metrics.
///
/// Keeps all replies until the last one is there, as a median has to: memory for as many models as
/// nodes were asked, and for the largest array of the new one. A reply whose arrays do not fit the
/// global model in keys and shapes, are not of real numbers or hold NaN is a failure of its node.
/// So is one whose metrics differ from those of most. The order in which replies arrive has no
/// influence. Arrays have the types of the global model, integers and bool become float64. State:
/// none.
class FedMedian : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg.
  static StatusOr<std::unique_ptr<FedMedian>> Create(FedAvgOptions options);

  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  std::vector<std::string> Summary() const override;

 private:
  using FedAvg::FedAvg;
};

}  // namespace flwrcpp
