// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/secagg_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "flwrcpp/workflow/secagg.h"
#include "program/settings.h"

namespace flwrcpp::server_app {
namespace {

/// Those that make their step of the weighted mean alone.
constexpr const char* kStrategies[] = {"FedAvg",     "FedAvgM", "FedProx",
                                       "FedAdagrad", "FedAdam", "FedYogi"};

Status CheckStrategy(const std::string& name, bool clips_on_server) {
  if (std::find(std::begin(kStrategies), std::end(kStrategies), name) == std::end(kStrategies)) {
    return Status(
        StatusCode::kInvalidArgument,
        fmt::format("secagg: {} needs more than the mean of the nodes' models; strategies "
                    "that do not are {}",
                    name, fmt::join(kStrategies, ", ")));
  }
  if (clips_on_server) {
    return Status(StatusCode::kInvalidArgument,
                  "secagg: the server cannot clip what it does not see; "
                  "expected dp client-fixed or client-adaptive");
  }
  return absl::OkStatus();
}

StatusOr<SecAggPlusOptions> ReadParameters(const SecAggOptions& options) {
  SecAggPlusOptions out;
  std::optional<double> timeout;
  program::Settings settings(options.kind, options.parameters);
  settings.Get("reconstruction-threshold", out.reconstruction_threshold);
  if (options.kind == "secaggplus") settings.Get("num-shares", out.num_shares);
  settings.Get("max-weight", out.max_weight);
  settings.Get("clipping-range", out.clipping_range);
  settings.Get("quantization-range", out.quantization_range);
  settings.Get("modulus-range", out.modulus_range);
  settings.Get("timeout", timeout);
  if (Status status = settings.Check(); !status.ok()) return status;
  if (timeout) out.timeout = std::chrono::duration<double>(*timeout);
  return out;
}

}  // namespace

std::vector<std::string> SecAggKinds() { return {"secagg", "secaggplus"}; }

StatusOr<std::unique_ptr<Strategy>> WrapInSecAgg(const SecAggOptions& options,
                                                 const std::string& strategy_name,
                                                 bool clips_on_server,
                                                 std::unique_ptr<Strategy> strategy) {
  if (options.kind.empty() && options.parameters.empty()) return strategy;
  if (options.kind.empty()) {
    return Status(StatusCode::kInvalidArgument, "secagg-config is given without secagg");
  }
  const std::vector<std::string> kinds = SecAggKinds();
  if (std::find(kinds.begin(), kinds.end(), options.kind) == kinds.end()) {
    return Status(StatusCode::kInvalidArgument, fmt::format("unknown secagg '{}', expected {}",
                                                            options.kind, fmt::join(kinds, ", ")));
  }
  if (Status status = CheckStrategy(strategy_name, clips_on_server); !status.ok()) return status;
  StatusOr<SecAggPlusOptions> parameters = ReadParameters(options);
  if (!parameters.ok()) return parameters.status();
  if (options.kind == "secagg") return MakeSecAggWorkflow(std::move(strategy), *parameters);
  return SecAggPlusWorkflow::Create(std::move(strategy), *parameters);
}

}  // namespace flwrcpp::server_app
