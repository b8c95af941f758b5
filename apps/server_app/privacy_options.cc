// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/privacy_options.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "flwrcpp/privacy_accounting.h"
#include "flwrcpp/strategy/dp_adaptive_clipping.h"
#include "flwrcpp/strategy/dp_fixed_clipping.h"
#include "flwrcpp/strategy/fedbuff.h"
#include "program/settings.h"

namespace flwrcpp::server_app {
namespace {

using Wrapped = StatusOr<std::unique_ptr<Strategy>>;
using program::Settings;

/// What a round asks; one that is no `int` is refused as 0 is.
int SampledClients(Settings& settings, std::int64_t otherwise) {
  std::int64_t clients = otherwise;
  settings.Get("num-sampled-clients", clients);
  const bool fits = clients > 0 && clients <= std::numeric_limits<int>::max();
  return fits ? static_cast<int>(clients) : 0;
}

template <typename Wrapper>
Wrapped WrapFixed(Settings& settings, std::int64_t num_sampled_clients,
                  std::unique_ptr<Strategy> strategy) {
  DifferentialPrivacyFixedClippingOptions options;
  PrivacyConfig budget;
  settings.Get("noise-multiplier", options.noise_multiplier);
  settings.Get("clipping-norm", options.clipping_norm);
  options.num_sampled_clients = SampledClients(settings, num_sampled_clients);
  settings.Get("target-delta", budget.target_delta);
  settings.Get("max-epsilon", budget.max_epsilon);
  budget.population_size = options.num_sampled_clients;
  settings.Get("population-size", budget.population_size);
  settings.Get("noise-seed", options.noise_seed);
  if (Status status = settings.Check(); !status.ok()) return status;
  if (budget.target_delta != 0 || budget.max_epsilon.has_value()) {
    StatusOr<std::unique_ptr<RdpAccountant>> accountant = RdpAccountant::Create(budget);
    if (!accountant.ok()) return accountant.status();
    options.accountant = *std::move(accountant);
  }
  return Wrapper::Create(std::move(strategy), std::move(options));
}

template <typename Wrapper>
Wrapped WrapAdaptive(Settings& settings, std::int64_t num_sampled_clients,
                     std::unique_ptr<Strategy> strategy) {
  DifferentialPrivacyAdaptiveClippingOptions options;
  settings.Get("noise-multiplier", options.noise_multiplier);
  options.num_sampled_clients = SampledClients(settings, num_sampled_clients);
  settings.Get("initial-clipping-norm", options.initial_clipping_norm);
  settings.Get("target-clipped-quantile", options.target_clipped_quantile);
  settings.Get("clip-norm-lr", options.clip_norm_lr);
  settings.Get("clipped-count-stddev", options.clipped_count_stddev);
  settings.Get("noise-seed", options.noise_seed);
  if (Status status = settings.Check(); !status.ok()) return status;
  return Wrapper::Create(std::move(strategy), std::move(options));
}

struct Kind {
  const char* name;
  Wrapped (*wrap)(Settings& settings, std::int64_t num_sampled_clients,
                  std::unique_ptr<Strategy> strategy);
};

constexpr Kind kKinds[] = {
    {"server-fixed", WrapFixed<DifferentialPrivacyServerSideFixedClipping>},
    {"client-fixed", WrapFixed<DifferentialPrivacyClientSideFixedClipping>},
    {"server-adaptive", WrapAdaptive<DifferentialPrivacyServerSideAdaptiveClipping>},
    {"client-adaptive", WrapAdaptive<DifferentialPrivacyClientSideAdaptiveClipping>},
};

}  // namespace

std::vector<std::string> PrivacyKinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

StatusOr<std::unique_ptr<Strategy>> Wrap(const PrivacyOptions& options,
                                         std::int64_t num_sampled_clients,
                                         std::unique_ptr<Strategy> strategy) {
  if (options.kind.empty() && options.parameters.empty()) return strategy;
  if (options.kind.empty()) {
    return Status(StatusCode::kInvalidArgument, "dp-config is given without dp");
  }
  if (dynamic_cast<const FedBuff*>(strategy.get()) != nullptr) {
    return Status(StatusCode::kInvalidArgument, "dp needs rounds, which FedBuff has not");
  }
  for (const Kind& kind : kKinds) {
    if (options.kind != kind.name) continue;
    Settings settings(fmt::format("dp {}", kind.name), options.parameters);
    return kind.wrap(settings, num_sampled_clients, std::move(strategy));
  }
  return Status(
      StatusCode::kInvalidArgument,
      fmt::format("unknown dp '{}', expected {}", options.kind, fmt::join(PrivacyKinds(), ", ")));
}

}  // namespace flwrcpp::server_app
