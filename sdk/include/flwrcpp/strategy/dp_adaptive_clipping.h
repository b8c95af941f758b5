// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "flwrcpp/strategy/dp_strategy.h"

namespace flwrcpp {

/// Settings of both wrappers with a clipping norm that adapts, with Flower's names and defaults.
struct DifferentialPrivacyAdaptiveClippingOptions {
  /// Required; at least 0: z, what arrays and count together shall be worth. 0 is no noise.
  double noise_multiplier = std::numeric_limits<double>::quiet_NaN();
  int num_sampled_clients = 0;           ///< Required; how many nodes a round asks, at least 1.
  double initial_clipping_norm = 0.1;    ///< Above 0.
  double target_clipped_quantile = 0.5;  ///< γ, from 0 to 1.
  double clip_norm_lr = 0.2;             ///< η, above 0.
  /// s, the standard deviation of the noise in the number of clipped updates; more than half of
  /// `noise_multiplier` if there is noise. Empty: num_sampled_clients / 20, or 0 without noise.
  std::optional<double> clipped_count_stddev;
  /// As in DifferentialPrivacyFixedClippingOptions.
  std::optional<std::uint64_t> noise_seed;
};

/// Central differential privacy with a clipping norm that follows the updates, the server clips.
/// (`flwr.serverapp.strategy.DifferentialPrivacyServerSideAdaptiveClipping`; after Andrew et al.,
/// 2021, "Differentially Private Learning with Adaptive Clipping", arXiv:1905.03871)
///
/// With b of k updates clipped in a round the norm becomes C · exp(−η · ((b + N(0, s²)) / k − γ)).
/// As a part of the privacy goes into b, the arrays get more noise: z′ = (z⁻² − (2s)⁻²)^(−1/2) in
/// place of z.
///
/// The sign is Flower's. The paper counts the updates that were *not* clipped, which makes γ the
/// quantile that the norm goes to; here the norm falls while more than γ of the updates are
/// clipped, and rises otherwise, so it leaves that quantile rather than finding it. The noise of a
/// round is that of the norm which its updates were clipped to, as in the paper; Flower takes the
/// norm of the next round, which is too little noise when the norm falls.
///
/// A norm that would become 0 or infinite stays what it was, with a warning. See
/// DifferentialPrivacyStrategy for the rest.
class DifferentialPrivacyServerSideAdaptiveClipping : public DifferentialPrivacyStrategy {
 public:
  /// @param strategy what it wraps.
  /// @return `kInvalidArgument` for a number out of range, or no `strategy`.
  static StatusOr<std::unique_ptr<DifferentialPrivacyServerSideAdaptiveClipping>> Create(
      std::unique_ptr<Strategy> strategy, DifferentialPrivacyAdaptiveClippingOptions options);

 private:
  using DifferentialPrivacyStrategy::DifferentialPrivacyStrategy;
};

/// Central differential privacy with a clipping norm that follows the updates, the nodes clip: with
/// `AdaptiveClippingMod` (mod/differential_privacy.h), or stock's `adaptiveclipping_mod`.
/// (`flwr.serverapp.strategy.DifferentialPrivacyClientSideAdaptiveClipping`)
///
/// Replies say in the metric `norm_bit` whether they were clipped: a number, 0 for no. One without
/// it cannot be used. The server trusts the nodes with both. The norm adapts as above.
class DifferentialPrivacyClientSideAdaptiveClipping : public DifferentialPrivacyStrategy {
 public:
  /// As above.
  static StatusOr<std::unique_ptr<DifferentialPrivacyClientSideAdaptiveClipping>> Create(
      std::unique_ptr<Strategy> strategy, DifferentialPrivacyAdaptiveClippingOptions options);

 private:
  using DifferentialPrivacyStrategy::DifferentialPrivacyStrategy;
};

}  // namespace flwrcpp
