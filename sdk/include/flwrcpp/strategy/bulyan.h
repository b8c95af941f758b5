// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// A reply that a `SelectionRule` chooses or leaves out.
struct SelectionCandidate {
  std::uint64_t node_id = 0;
  double weight = 0;   ///< The number of examples.
  ArrayRecord arrays;  ///< Real numbers without NaN; keys in the order of the global model.
};

/// Chooses replies that can be trusted: gets all valid ones in the order of their node ids, f and
/// the number to choose, and gives the positions of the chosen ones, each once. An error, an
/// exception or another number of positions ends the run.
using SelectionRule = std::function<StatusOr<std::vector<std::size_t>>(
    const std::vector<SelectionCandidate>& candidates, int num_malicious_nodes,
    std::size_t num_nodes_to_select)>;

/// Settings of `Bulyan`, with Flower's names and defaults.
struct BulyanOptions : FedAvgOptions {
  int num_malicious_nodes = 0;  ///< f: how many of a round's nodes may send anything they like.
  SelectionRule selection_rule = nullptr;  ///< Empty: as MultiKrum selects.
};

/// Chooses replies, then averages what lies nearest to their median (El Mhamdi et al., 2018, "The
/// Hidden Vulnerability of Distributed Learning in Byzantium"; `flwr.serverapp.strategy.Bulyan`).
///
/// Of n replies, `selection_rule` chooses t = n − 2f. Each element of the new model is the plain
/// mean of the t − 2f values in them that are nearest to their median; of two as near the smaller
/// one counts as nearer, where Flower takes either. The metrics are the mean of the chosen
/// replies', weighted by examples. A round with less than 4f + 3 valid replies, or whose chosen
/// replies have no examples, leaves the model as it is, with a warning in the log.
///
/// Keeps all replies until the last one is there: memory for as many models as nodes were asked,
/// and for the largest array of the new one. Time as MultiKrum. Failures, types and order of the
/// replies as FedMedian. State: none.
class Bulyan : public FedAvg {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for a negative number.
  static StatusOr<std::unique_ptr<Bulyan>> Create(BulyanOptions options);

  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  std::vector<std::string> Summary() const override;

 private:
  explicit Bulyan(BulyanOptions options);

  int num_malicious_nodes_;
  SelectionRule selection_rule_;
};

}  // namespace flwrcpp
