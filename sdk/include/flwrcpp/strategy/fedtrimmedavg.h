// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// Settings of `FedTrimmedAvg`, with Flower's names and defaults.
struct FedTrimmedAvgOptions : FedAvgOptions {
  double beta = 0.2;  ///< Share of the replies to cut off at each end; at least 0, below 0.5.
};

/// The mean without the extremes (Yin et al., 2018, "Byzantine-Robust Distributed Learning: Towards
/// Optimal Statistical Rates"; `flwr.serverapp.strategy.FedTrimmedAvg`).
///
/// Of n replies, each element of the new model is the plain mean of that element in them without
/// its ⌊beta · n⌋ smallest and as many largest values. Examples do not weigh; they do in the
/// metrics.
///
/// Keeps all replies until the last one is there: memory for as many models as nodes were asked,
/// and for the largest array of the new one. Failures, types and order of the replies as FedMedian.
/// State: none.
class FedTrimmedAvg : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for a `beta` out of range.
  static StatusOr<std::unique_ptr<FedTrimmedAvg>> Create(FedTrimmedAvgOptions options);

  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  std::vector<std::string> Summary() const override;

 private:
  explicit FedTrimmedAvg(FedTrimmedAvgOptions options);

  double beta_;
};

}  // namespace flwrcpp
