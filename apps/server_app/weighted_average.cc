// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/weighted_average.h"

#include <fmt/format.h>

namespace flwrcpp::server_app {
namespace {

StatusOr<double> MetricOf(const WeightedMetrics& reply, std::string_view name) {
  StatusOr<double> value = reply.metrics.GetDouble(name);
  if (value.ok()) return value;
  return Status(StatusCode::kInvalidArgument,
                fmt::format("evaluation of node {}: {}", reply.node_id,
                            std::string(value.status().message())));
}

}  // namespace

StatusOr<MetricRecord> WeightedAverage(const std::vector<WeightedMetrics>& replies) {
  double examples = 0;
  double accuracy = 0;
  double loss = 0;
  for (const WeightedMetrics& reply : replies) {
    const bool classic = !reply.metrics.contains("eval_acc") && reply.metrics.contains("accuracy");
    const StatusOr<double> node_accuracy = MetricOf(reply, classic ? "accuracy" : "eval_acc");
    if (!node_accuracy.ok()) return node_accuracy.status();
    const StatusOr<double> node_loss = MetricOf(reply, "eval_loss");
    if (!node_loss.ok()) return node_loss.status();
    examples += reply.weight;
    accuracy += reply.weight * *node_accuracy;
    loss += reply.weight * *node_loss;
  }
  if (examples <= 0) {
    return Status(StatusCode::kInvalidArgument, "no node evaluated on any example");
  }
  return MetricRecord{{"eval_acc", accuracy / examples},
                      {"eval_loss", loss / examples},
                      {"num-examples", examples}};
}

}  // namespace flwrcpp::server_app
