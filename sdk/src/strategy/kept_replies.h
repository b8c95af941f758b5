// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "strategy/arrays_aggregation.h"
#include "strategy/reply_aggregator.h"

namespace flwrcpp::internal {

/// Keeps the replies of a round until all are there. Then a ReplyAggregator gets them in an order
/// that does not depend on their arrival: first those of the form that most nodes sent (names of
/// the records, keys of the metrics, lengths of lists; of forms as frequent the one with the lowest
/// node id), and by node id. So no node decides what the others' replies have to look like by being
/// the first, and every outcome is the same to the last bit.
class KeptReplies : public Aggregator {
 public:
  explicit KeptReplies(ReplyAggregatorOptions options) : aggregator_(std::move(options)) {}

  void Add(Message reply) override { replies_.push_back(std::move(reply)); }
  StatusOr<AggregateResult> Finish() override;

 private:
  ReplyAggregator aggregator_;
  std::vector<Message> replies_;
};

/// Aggregates a train round that needs the arrays of all replies at once.
/// @param global what the round's nodes got.
std::unique_ptr<Aggregator> KeepReplies(const FedAvgOptions& options, const ArrayRecord& global,
                                        KeptArrays::Combine combine);

}  // namespace flwrcpp::internal
