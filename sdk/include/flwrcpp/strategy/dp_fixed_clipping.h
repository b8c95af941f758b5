// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "flwrcpp/privacy_accounting.h"
#include "flwrcpp/strategy/dp_strategy.h"

namespace flwrcpp {

/// Settings of both wrappers with a fixed clipping norm, with Flower's names.
struct DifferentialPrivacyFixedClippingOptions {
  /// Required; at least 0. Standard deviation of the noise in the sum of the updates, divided by
  /// the clipping norm. Little below 1 protects little; 0 is no noise.
  double noise_multiplier = std::numeric_limits<double>::quiet_NaN();
  double clipping_norm = 0;     ///< Required; above 0.
  int num_sampled_clients = 0;  ///< Required; how many nodes a round asks, at least 1.
  /// Keeps account of what the rounds cost, and ends the run before its `max_epsilon` is exceeded.
  /// It wants noise, FedAvg or FedProx as inner strategy, exactly `num_sampled_clients` nodes in
  /// each round (a round with fewer usable replies is not aggregated) and the same positive weight
  /// in all replies of a round. Empty: nobody does.
  std::shared_ptr<RdpAccountant> accountant;
  /// Makes the noise predictable, and so void: for tests. A run that goes on from a checkpoint has
  /// the noise of the uninterrupted one then. Empty: noise from OpenSSL's generator for private
  /// keys.
  std::optional<std::uint64_t> noise_seed;
};

/// Central differential privacy, the server clips.
/// (`flwr.serverapp.strategy.DifferentialPrivacyServerSideFixedClipping`)
///
/// Nodes need no part in it: replies are clipped as they arrive. See DifferentialPrivacyStrategy.
class DifferentialPrivacyServerSideFixedClipping : public DifferentialPrivacyStrategy {
 public:
  /// @param strategy what it wraps.
  /// @return `kInvalidArgument` for a number out of range, no `strategy`, or a strategy or noise
  ///   that does not suit the accountant.
  static StatusOr<std::unique_ptr<DifferentialPrivacyServerSideFixedClipping>> Create(
      std::unique_ptr<Strategy> strategy, DifferentialPrivacyFixedClippingOptions options);

 private:
  using DifferentialPrivacyStrategy::DifferentialPrivacyStrategy;
};

/// Central differential privacy, the nodes clip: with `FixedClippingMod`
/// (mod/differential_privacy.h), or stock's `fixedclipping_mod`.
/// (`flwr.serverapp.strategy.DifferentialPrivacyClientSideFixedClipping`)
///
/// The server trusts the nodes to do it. See DifferentialPrivacyStrategy.
class DifferentialPrivacyClientSideFixedClipping : public DifferentialPrivacyStrategy {
 public:
  /// As above.
  static StatusOr<std::unique_ptr<DifferentialPrivacyClientSideFixedClipping>> Create(
      std::unique_ptr<Strategy> strategy, DifferentialPrivacyFixedClippingOptions options);

 private:
  using DifferentialPrivacyStrategy::DifferentialPrivacyStrategy;
};

}  // namespace flwrcpp
