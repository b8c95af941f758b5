// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "flwrcpp/strategy/strategy.h"

namespace flwrcpp {

/// A strategy around another one, which does all the work unless a function is overridden. Base of
/// what goes around any strategy (DifferentialPrivacyStrategy, SecAggPlusWorkflow), and made to be
/// derived from: a wrapper of one's own overrides what it changes, and asks this class for the
/// rest.
///
///     /// Trains in every second round.
///     class EverySecondRound : public StrategyWrapper {
///      public:
///       explicit EverySecondRound(std::unique_ptr<Strategy> strategy)
///           : StrategyWrapper(std::move(strategy)) {}
///       StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
///                                                     const ConfigRecord& config, Grid& grid,
///                                                     std::stop_token stop) override {
///         if (server_round % 2 == 0) return std::vector<Message>();
///         return StrategyWrapper::ConfigureTrain(server_round, arrays, config, grid, stop);
///       }
///     };
///
/// What a wrapper may do is said at Strategy. `RunTrain` is not handed on: training is an exchange
/// with the wrapper's own `ConfigureTrain` and `AggregateTrain` at its ends, so that nothing of the
/// inner strategy's goes past the wrapper. A strategy that overrides `RunTrain` or `Start` is not
/// asked for its own; one that cannot work without refuses in `ConfigureTrain` (FedBuff,
/// SecAggPlusWorkflow).
///
/// State: that of the inner strategy, under its own names. A wrapper that keeps something itself
/// overrides both functions, and gives one of the two a prefix.
class StrategyWrapper : public Strategy {
 public:
  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  StatusOr<std::vector<Message>> ConfigureEvaluate(int server_round, const ArrayRecord& arrays,
                                                   const ConfigRecord& config, Grid& grid,
                                                   std::stop_token stop) override;
  std::unique_ptr<Aggregator> AggregateEvaluate(int server_round) override;
  RecordDict State() const override;
  Status RestoreState(const RecordDict& state) override;
  /// The lines of the inner strategy; a wrapper puts its own before them.
  std::vector<std::string> Summary() const override;

 protected:
  /// @param strategy must be one: the wrapper's `Create` refuses null.
  explicit StrategyWrapper(std::unique_ptr<Strategy> strategy);

 private:
  std::unique_ptr<Strategy> strategy_;
};

}  // namespace flwrcpp
