// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/strategy_wrapper.h"

#include <utility>

namespace flwrcpp {

StrategyWrapper::StrategyWrapper(std::unique_ptr<Strategy> strategy)
    : strategy_(std::move(strategy)) {}

StatusOr<std::vector<Message>> StrategyWrapper::ConfigureTrain(int server_round,
                                                               const ArrayRecord& arrays,
                                                               const ConfigRecord& config,
                                                               Grid& grid, std::stop_token stop) {
  return strategy_->ConfigureTrain(server_round, arrays, config, grid, std::move(stop));
}

std::unique_ptr<Aggregator> StrategyWrapper::AggregateTrain(int server_round) {
  return strategy_->AggregateTrain(server_round);
}

StatusOr<std::vector<Message>> StrategyWrapper::ConfigureEvaluate(int server_round,
                                                                  const ArrayRecord& arrays,
                                                                  const ConfigRecord& config,
                                                                  Grid& grid,
                                                                  std::stop_token stop) {
  return strategy_->ConfigureEvaluate(server_round, arrays, config, grid, std::move(stop));
}

std::unique_ptr<Aggregator> StrategyWrapper::AggregateEvaluate(int server_round) {
  return strategy_->AggregateEvaluate(server_round);
}

RecordDict StrategyWrapper::State() const { return strategy_->State(); }

Status StrategyWrapper::RestoreState(const RecordDict& state) {
  return strategy_->RestoreState(state);
}

std::vector<std::string> StrategyWrapper::Summary() const { return strategy_->Summary(); }

}  // namespace flwrcpp
