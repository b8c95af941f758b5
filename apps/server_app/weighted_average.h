// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp::server_app {

/// Aggregates the nodes' evaluation: loss and accuracy of the federation as if all validation
/// samples lay in one place, that is the mean weighted by each node's number of examples.
///
/// Takes `eval_acc` (or `accuracy`) and `eval_loss` from each reply; answers `eval_acc`,
/// `eval_loss` and `num-examples`, the examples of all nodes together.
/// @return `kInvalidArgument` naming the node and the metric that is missing or no number, or when
///   no node has any examples.
StatusOr<MetricRecord> WeightedAverage(const std::vector<WeightedMetrics>& replies);

}  // namespace flwrcpp::server_app
