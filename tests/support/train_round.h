// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
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

/// Node k + 1 sends `values[k]`, its id as loss, and `examples` examples: without that, as many as
/// its id.
inline std::vector<TrainReply> NumberedReplies(const std::vector<float>& values,
                                               std::optional<std::int64_t> examples = {}) {
  std::vector<TrainReply> replies;
  for (const float value : values) {
    const auto node_id = static_cast<std::int64_t>(replies.size()) + 1;
    replies.push_back(WeightsReply(
        static_cast<std::uint64_t>(node_id), {value},
        {{"num-examples", examples.value_or(node_id)}, {"loss", static_cast<double>(node_id)}}));
  }
  return replies;
}

/// Nodes 1 to `count` send normally distributed arrays of `size`.
inline std::vector<TrainReply> NormalReplies(std::uint64_t count, std::size_t size,
                                             std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<TrainReply> replies;
  for (std::uint64_t node_id = 1; node_id <= count; ++node_id) {
    std::vector<float> values(size);
    for (float& value : values) value = normal(random);
    replies.push_back(WeightsReply(node_id, std::move(values)));
  }
  return replies;
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

/// Arrays of float16, float32 and float64 that are called as their types.
inline ArrayRecord MixedModel() {
  ArrayRecord model;
  model.Set("float32", *Weights({1, 2}).Find("w"));
  model.Set("float16", Array::Build("float16", {2}, [](std::span<std::byte> bytes) {
                         std::fill(bytes.begin(), bytes.end(), std::byte{0});
                       }).value());
  model.Set("float64", *Doubles({1}).Find("w"));
  return model;
}

/// The values of the float64 array "w".
inline std::vector<double> DoublesOf(const ArrayRecord& arrays) {
  return arrays.Find("w")->ToVector<double>().value();
}

}  // namespace flwrcpp::testing
