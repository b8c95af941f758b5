// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "flwrcpp/strategy/fedavg.h"
#include "server_app/privacy_options.h"
#include "server_app/secagg_options.h"

namespace CLI {
class App;
}

namespace flwrcpp::server_app {

/// Which strategy a run has.
struct StrategyOptions {
  std::string name = "FedAvg";  ///< One of `StrategyNames`.
  ConfigRecord parameters;      ///< Its own ones, as `MakeStrategy` takes them.
  FedAvgOptions common;         ///< What all have.
  PrivacyOptions privacy;       ///< What is put around it.
  SecAggOptions secagg;         ///< What is put around that.
  double over_selection = 0;    ///< As in `StartOptions`.
  int max_redispatches = 0;     ///< Likewise.

  /// How a checkpoint and the report call it, e.g. "FedAdam, dp client-fixed, secagg".
  std::string FullName() const;

  /// Makes it; evaluation of the nodes is averaged by `WeightedAverage`.
  /// @return as `MakeStrategy`, `Wrap` and `WrapInSecAgg`; `kInvalidArgument` also for a strategy
  ///   in which `over_selection` or `max_redispatches` have no part.
  StatusOr<std::unique_ptr<Strategy>> Make() const;

  /// A round wants `nodes`, or as many of them as it samples.
  void SetMinNodes(int nodes);
};

/// The flags for the above.
class StrategyFlags {
 public:
  /// Adds the flags to `cli`, which keeps pointing at this object and at `options`.
  void AddTo(CLI::App& cli, const std::string& group, StrategyOptions& options);

  /// After parsing: fills `options`.
  /// @return `kInvalidArgument` saying which flag or parameter is wrong.
  Status Complete(StrategyOptions& options) const;

 private:
  std::string name_ = "FedAvg";
  std::string parameters_;
  std::string privacy_;
  std::string privacy_parameters_;
  std::string secagg_;
  std::string secagg_parameters_;
  int min_nodes_ = 2;
};

/// Lays the keys of a run config over `options`: `strategy`, `dp` and `secagg` (whose parameters
/// are then the defaults), `strategy-config`, `dp-config`, `secagg-config`.
/// @return `kInvalidArgument` naming the key or parameter.
Status ApplyRunConfig(const UserConfig& config, StrategyOptions& options);

}  // namespace flwrcpp::server_app
