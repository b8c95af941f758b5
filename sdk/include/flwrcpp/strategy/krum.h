// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// Settings of `MultiKrum`, with Flower's names and defaults.
struct MultiKrumOptions : FedAvgOptions {
  int num_malicious_nodes = 0;  ///< f: how many of a round's nodes may send anything they like.
  int num_nodes_to_select = 1;  ///< At least 1; all when there are fewer replies.
};

/// Averages the replies that lie nearest to the others (Blanchard et al., 2017, "Machine Learning
/// with Adversaries: Byzantine Tolerant Gradient Descent"; `flwr.serverapp.strategy.MultiKrum`).
///
/// The score of a reply is the sum of the squared Euclidean distances, over all arrays together, to
/// the n − f − 2 nearest of the other replies (at least 1, at most all), n being the number of
/// replies. The `num_nodes_to_select` lowest scores are chosen; their arrays and metrics become
/// means, weighted by examples. Of equal scores the one of the lower node id counts as lower:
/// Flower takes the reply that came first. A round whose chosen replies have no examples leaves the
/// model as it is.
///
/// Distances are summed up in double from the differences of the elements, whatever their type;
/// equal infinities have none. Flower computes them from norms and products in the type of the
/// model. In float32 those lose most digits of models that are much nearer to each other than to 0,
/// and it may choose others then. In float16 three digits are left, and where a model's squared
/// length is above 65504 it takes the replies that came first.
///
/// Keeps all replies until the last one is there: memory for as many models as nodes were asked,
/// and for the largest array of the new one; n² / 2 passes over a model. Failures, types and order
/// of the replies as FedMedian. State: none.
class MultiKrum : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for numbers out of range.
  static StatusOr<std::unique_ptr<MultiKrum>> Create(MultiKrumOptions options);

  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  std::vector<std::string> Summary() const override;

 protected:
  explicit MultiKrum(MultiKrumOptions options);

  /// @return as `Create`, with `strategy` in front of the text.
  static Status CheckOptions(const std::string& strategy, const MultiKrumOptions& options);

  int num_malicious_nodes() const { return num_malicious_nodes_; }

 private:
  int num_malicious_nodes_;
  int num_nodes_to_select_;
};

/// Settings of `Krum`, with Flower's names and defaults.
struct KrumOptions : FedAvgOptions {
  int num_malicious_nodes = 0;  ///< As MultiKrum's.
};

/// MultiKrum that selects one reply, whose arrays and metrics become those of the round.
/// (`flwr.serverapp.strategy.Krum`)
class Krum : public MultiKrum {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for a number out of range.
  static StatusOr<std::unique_ptr<Krum>> Create(KrumOptions options);

  std::vector<std::string> Summary() const override;

 private:
  using MultiKrum::MultiKrum;
};

}  // namespace flwrcpp
