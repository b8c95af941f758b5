// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/strategy.h"
#include "tests/support/fake_grid.h"

namespace flwrcpp::testing {

/// What a node answers in `TrainRound`.
struct TrainReply {
  std::uint64_t node_id = 0;
  ArrayRecord arrays;
  MetricRecord metrics = {{"num-examples", std::int64_t{1}}};
};

/// A reply with one float32 array "w".
inline TrainReply WeightsReply(std::uint64_t node_id, std::vector<float> values,
                               MetricRecord metrics = {{"num-examples", std::int64_t{1}}}) {
  return {node_id, Weights(std::move(values)), std::move(metrics)};
}

/// One train round of `strategy`: nodes get `global`, and the replies arrive in the order given.
inline StatusOr<AggregateResult> TrainRound(Strategy& strategy, const ArrayRecord& global,
                                            const std::vector<TrainReply>& replies,
                                            int server_round = 1) {
  FakeGrid grid;
  for (const std::uint64_t node_id : {1, 2}) grid.AddNode(node_id, nullptr);
  const auto messages = strategy.ConfigureTrain(server_round, global, {}, grid, {});
  if (!messages.ok()) return messages.status();
  const std::unique_ptr<Aggregator> aggregator = strategy.AggregateTrain(server_round);
  for (const TrainReply& reply : replies) {
    RecordDict content;
    content.Set("arrays", reply.arrays);
    content.Set("metrics", reply.metrics);
    Metadata metadata;
    metadata.src_node_id = reply.node_id;
    aggregator->Add(Message(metadata, std::move(content)));
  }
  return aggregator->Finish();
}

/// The new model after a round in which two nodes answer `mean`.
inline ArrayRecord NewModel(Strategy& strategy, int server_round, const ArrayRecord& global,
                            const ArrayRecord& mean) {
  return *TrainRound(strategy, global, {{1, mean}, {2, mean}}, server_round).value().arrays;
}

/// One float64 array called "w".
inline ArrayRecord Doubles(const std::vector<double>& values) {
  ArrayRecord arrays;
  arrays.Set("w", Array::From(values, {static_cast<std::int64_t>(values.size())}).value());
  return arrays;
}

/// The values of the float64 array "w".
inline std::vector<double> DoublesOf(const ArrayRecord& arrays) {
  return arrays.Find("w")->ToVector<double>().value();
}

}  // namespace flwrcpp::testing
