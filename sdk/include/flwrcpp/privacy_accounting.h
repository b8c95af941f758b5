// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// Which two populations of clients a release must not tell apart.
enum class NeighboringRelation {
  kAddOrRemoveOne,  ///< One of them has a client more. Flower's `add-or-remove-one`.
  kReplaceOne,      ///< One client is another one. Flower's `replace-one`; not supported here.
};

/// How the clients of a release are chosen.
enum class SamplingMethod {
  kPoisson,             ///< Flower's `poisson`; not supported here.
  kWithoutReplacement,  ///< Flower's `without-replacement`; not supported here.
  /// It does not matter: the bound holds for a client that takes part in every release. Flower's
  /// `no-amplification`.
  kNoAmplification,
};

/// What is accounted for. (`flwr.supercore.privacy_accounting.PrivacyConfig`)
struct PrivacyConfig {
  double target_delta = 0;           ///< Required: the delta that epsilon is told for, in (0, 1).
  std::int64_t population_size = 0;  ///< Required: the number of clients there are.
  NeighboringRelation neighboring_relation = NeighboringRelation::kAddOrRemoveOne;
  SamplingMethod sampling_method = SamplingMethod::kNoAmplification;
  std::optional<double> max_epsilon;  ///< The budget at `target_delta`, above 0; absent: none.
  friend bool operator==(const PrivacyConfig&, const PrivacyConfig&) = default;
};

/// One release by the Gaussian mechanism. (`….GaussianPrivacyEvent`)
struct GaussianPrivacyEvent {
  double noise_multiplier = 0;       ///< Standard deviation of the noise / L2 sensitivity; above 0.
  std::int64_t sample_size = 0;      ///< Clients that took part, for the record.
  std::int64_t population_size = 0;  ///< Must be that of the accountant's config.
  friend bool operator==(const GaussianPrivacyEvent&, const GaussianPrivacyEvent&) = default;
};

/// What all releases together have cost. (`….PrivacySpent`)
struct PrivacySpent {
  double epsilon = 0;
  double delta = 0;
  std::int64_t num_releases = 0;
  std::string accounting_method;  ///< `rdp`
  double optimal_order = 0;       ///< The order of the Rényi divergence that gave `epsilon`.
};

/// Adds up the privacy loss of releases by the Gaussian mechanism, by way of Rényi differential
/// privacy. (`flwr.supercore.privacy_accounting.rdp_accountant.RdpAccountant`)
///
/// A release of noise multiplier z has a Rényi divergence of order α of at most α / (2z²), and
/// divergences add up (Mironov, 2017, "Rényi Differential Privacy", arXiv:1702.07476, propositions
/// 1 and 7). They become (epsilon, delta) by proposition 12 of Canonne, Kamath and Steinke, 2020,
/// "The Discrete Gaussian for Differential Privacy", arXiv:2004.00010, or by the bound of
/// Bretagnolle and Huber where that is better; the best of all orders counts. Numbers agree with
/// those of Flower, whose accountant is Google's `dp-accounting`.
///
/// What it assumes: docs/privacy.md. Not thread-safe.
class RdpAccountant {
 public:
  /// With dp-accounting's orders: 1.1 to 10.9 in steps of 0.1, 11 to 63, 128, 256, 512 and 1024.
  /// @return `kInvalidArgument` for a number of `config` that is out of range, `kUnimplemented` for
  ///   a relation or sampling method that is not supported.
  static StatusOr<std::unique_ptr<RdpAccountant>> Create(PrivacyConfig config);
  /// @param orders at least one, all finite and above 1. Those up to 1.01 are of little use.
  static StatusOr<std::unique_ptr<RdpAccountant>> Create(PrivacyConfig config,
                                                         std::vector<double> orders);

  const PrivacyConfig& config() const { return config_; }
  std::int64_t num_releases() const;

  /// Adds `count` releases of one kind.
  /// @return `kInvalidArgument` when a number is out of range, or the population another one.
  Status Compose(const GaussianPrivacyEvent& event, std::int64_t count);

  /// The epsilon of all releases at `delta`; infinity if there is no bound.
  /// @return `kInvalidArgument` for a `delta` outside (0, 1).
  StatusOr<double> GetEpsilon(double delta) const;

  /// The delta of all releases at `epsilon`.
  /// @return `kInvalidArgument` for an `epsilon` that is negative or infinite.
  StatusOr<double> GetDelta(double epsilon) const;

  /// What was spent, at the config's `target_delta`.
  PrivacySpent GetPrivacySpent() const;

  /// Whether epsilon at `target_delta` would be above the config's `max_epsilon` after this event.
  /// Nothing changes.
  /// @return `kInvalidArgument` as `Compose`, and without a `max_epsilon`.
  StatusOr<bool> WouldExceed(const GaussianPrivacyEvent& event) const;

  /// The settings and all releases, for a checkpoint.
  ConfigRecord State() const;

  /// Puts what `State` gave in the place of the releases there are.
  /// @return `kInvalidArgument` naming what is damaged, or differs from this accountant's config;
  ///   nothing has changed then. The orders are those of the state afterwards, as in Flower.
  Status RestoreState(const ConfigRecord& state);

 private:
  using Releases = std::vector<std::pair<GaussianPrivacyEvent, std::int64_t>>;

  RdpAccountant(PrivacyConfig config, std::vector<double> orders);

  PrivacyConfig config_;
  std::vector<double> orders_;
  Releases releases_;  ///< Events and their counts; equal ones in a row are one entry.
};

}  // namespace flwrcpp
