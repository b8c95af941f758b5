// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/dp_fixed_clipping.h"

#include <typeinfo>
#include <utility>

#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/strategy/fedprox.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/dp_checks.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;

/// The inner strategy if its aggregate is FedAvg's mean, whose sensitivity is known; else null.
const FedAvg* FindMean(const Strategy& strategy) {
  if (typeid(strategy) != typeid(FedAvg) && typeid(strategy) != typeid(FedProx)) return nullptr;
  return dynamic_cast<const FedAvg*>(&strategy);
}

Status Check(const Strategy* strategy, const DifferentialPrivacyFixedClippingOptions& options) {
  if (strategy == nullptr) return InvalidArgument("expected a strategy to wrap, got none");
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNotNegative("noise_multiplier", options.noise_multiplier));
  FLWRCPP_RETURN_IF_ERROR(internal::CheckAboveZero("clipping_norm", options.clipping_norm));
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumSampledClients(options.num_sampled_clients));
  if (options.accountant == nullptr) return absl::OkStatus();
  if (options.noise_multiplier == 0) {
    return InvalidArgument("noise_multiplier is 0, an accountant wants noise");
  }
  if (FindMean(*strategy) == nullptr) {
    return InvalidArgument("with an accountant the strategy to wrap has to be FedAvg or FedProx");
  }
  if (options.num_sampled_clients > options.accountant->config().population_size) {
    return InvalidArgument("num_sampled_clients is {}, the accountant's population_size is {}",
                           options.num_sampled_clients,
                           options.accountant->config().population_size);
  }
  return absl::OkStatus();
}

/// `Settings` is that of DifferentialPrivacyStrategy, which only its heirs can name.
template <typename Settings>
StatusOr<Settings> MakeSettings(const char* name, bool server_clips, const Strategy* strategy,
                                const DifferentialPrivacyFixedClippingOptions& options) {
  const Status status = Check(strategy, options);
  if (!status.ok()) return internal::Annotate(status, name);
  Settings settings;
  settings.name = name;
  settings.server_clips = server_clips;
  settings.noise_multiplier = options.noise_multiplier;
  settings.clipping_norm = options.clipping_norm;
  settings.num_sampled_clients = options.num_sampled_clients;
  settings.noise_seed = options.noise_seed;
  if (options.accountant != nullptr) {
    settings.accountant = options.accountant;
    settings.weighted_by_key = FindMean(*strategy)->weighted_by_key();
  }
  return settings;
}

}  // namespace

StatusOr<std::unique_ptr<DifferentialPrivacyServerSideFixedClipping>>
DifferentialPrivacyServerSideFixedClipping::Create(
    std::unique_ptr<Strategy> strategy, DifferentialPrivacyFixedClippingOptions options) {
  using Self = DifferentialPrivacyServerSideFixedClipping;
  FLWRCPP_ASSIGN_OR_RETURN(
      Settings settings, MakeSettings<Settings>("DifferentialPrivacyServerSideFixedClipping", true,
                                                strategy.get(), options));
  return std::unique_ptr<Self>(new Self(std::move(strategy), std::move(settings)));
}

StatusOr<std::unique_ptr<DifferentialPrivacyClientSideFixedClipping>>
DifferentialPrivacyClientSideFixedClipping::Create(
    std::unique_ptr<Strategy> strategy, DifferentialPrivacyFixedClippingOptions options) {
  using Self = DifferentialPrivacyClientSideFixedClipping;
  FLWRCPP_ASSIGN_OR_RETURN(
      Settings settings, MakeSettings<Settings>("DifferentialPrivacyClientSideFixedClipping", false,
                                                strategy.get(), options));
  return std::unique_ptr<Self>(new Self(std::move(strategy), std::move(settings)));
}

}  // namespace flwrcpp
