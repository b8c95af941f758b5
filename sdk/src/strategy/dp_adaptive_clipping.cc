// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/dp_adaptive_clipping.h"

#include <cmath>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "strategy/dp_checks.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;
using internal::Log;

/// That many times the noise is worth a warning.
constexpr double kMuchNoise = 2;

Status Check(const Strategy* strategy, const DifferentialPrivacyAdaptiveClippingOptions& options) {
  if (strategy == nullptr) return InvalidArgument("expected a strategy to wrap, got none");
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNotNegative("noise_multiplier", options.noise_multiplier));
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumSampledClients(options.num_sampled_clients));
  FLWRCPP_RETURN_IF_ERROR(
      internal::CheckAboveZero("initial_clipping_norm", options.initial_clipping_norm));
  if (!(options.target_clipped_quantile >= 0 && options.target_clipped_quantile <= 1)) {
    return InvalidArgument("target_clipped_quantile is {}, expected 0 to 1",
                           options.target_clipped_quantile);
  }
  FLWRCPP_RETURN_IF_ERROR(internal::CheckAboveZero("clip_norm_lr", options.clip_norm_lr));
  return internal::CheckNotNegative("clipped_count_stddev",
                                    options.clipped_count_stddev.value_or(0));
}

/// The noise multiplier of the arrays, so that they and the count together are worth `z`.
StatusOr<double> ArraysNoiseMultiplier(double z, double clipped_count_stddev) {
  if (z == 0) return 0.0;
  const double twice = 2 * clipped_count_stddev;
  if (z >= twice) {
    return InvalidArgument(
        "clipped_count_stddev is {}, expected more than half of the noise_multiplier {} (without "
        "one it is num_sampled_clients / 20)",
        clipped_count_stddev, z);
  }
  return 1 / std::sqrt(1 / (z * z) - 1 / (twice * twice));
}

/// `Settings` and `Adaptation` are those of DifferentialPrivacyStrategy, which only its heirs can
/// name.
template <typename Settings, typename Adaptation>
StatusOr<Settings> MakeSettings(const char* name, bool server_clips, const Strategy* strategy,
                                const DifferentialPrivacyAdaptiveClippingOptions& options) {
  if (const Status status = Check(strategy, options); !status.ok()) {
    return internal::Annotate(status, name);
  }
  const double z = options.noise_multiplier;
  const double default_stddev = z > 0 ? options.num_sampled_clients / 20.0 : 0;
  Adaptation adaptation;
  adaptation.target_clipped_quantile = options.target_clipped_quantile;
  adaptation.clip_norm_lr = options.clip_norm_lr;
  adaptation.clipped_count_stddev = options.clipped_count_stddev.value_or(default_stddev);
  const StatusOr<double> multiplier = ArraysNoiseMultiplier(z, adaptation.clipped_count_stddev);
  if (!multiplier.ok()) return internal::Annotate(multiplier.status(), name);
  if (*multiplier >= kMuchNoise * z && z > 0) {
    Log(LogLevel::kWarning,
        "{}: {:.3g} times the noise is added, as the count of clipped updates has little; more "
        "clipped_count_stddev or num_sampled_clients would help",
        name, *multiplier / z);
  }
  Settings settings;
  settings.name = name;
  settings.server_clips = server_clips;
  settings.noise_multiplier = *multiplier;
  settings.clipping_norm = options.initial_clipping_norm;
  settings.num_sampled_clients = options.num_sampled_clients;
  settings.adaptation = adaptation;
  settings.noise_seed = options.noise_seed;
  return settings;
}

}  // namespace

StatusOr<std::unique_ptr<DifferentialPrivacyServerSideAdaptiveClipping>>
DifferentialPrivacyServerSideAdaptiveClipping::Create(
    std::unique_ptr<Strategy> strategy, DifferentialPrivacyAdaptiveClippingOptions options) {
  using Self = DifferentialPrivacyServerSideAdaptiveClipping;
  FLWRCPP_ASSIGN_OR_RETURN(Settings settings, (MakeSettings<Settings, Adaptation>(
                                                  "DifferentialPrivacyServerSideAdaptiveClipping",
                                                  true, strategy.get(), options)));
  return std::unique_ptr<Self>(new Self(std::move(strategy), std::move(settings)));
}

StatusOr<std::unique_ptr<DifferentialPrivacyClientSideAdaptiveClipping>>
DifferentialPrivacyClientSideAdaptiveClipping::Create(
    std::unique_ptr<Strategy> strategy, DifferentialPrivacyAdaptiveClippingOptions options) {
  using Self = DifferentialPrivacyClientSideAdaptiveClipping;
  FLWRCPP_ASSIGN_OR_RETURN(Settings settings, (MakeSettings<Settings, Adaptation>(
                                                  "DifferentialPrivacyClientSideAdaptiveClipping",
                                                  false, strategy.get(), options)));
  return std::unique_ptr<Self>(new Self(std::move(strategy), std::move(settings)));
}

}  // namespace flwrcpp
