// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "flwrcpp/privacy_accounting.h"
#include "flwrcpp/strategy/strategy_wrapper.h"

namespace flwrcpp {

/// Central differential privacy around another strategy: what one node sends changes the model by a
/// bounded amount, and noise that covers that amount is added to the aggregate before anybody sees
/// it. Base of the four wrappers in dp_fixed_clipping.h and dp_adaptive_clipping.h; what they
/// protect and what not is in docs/privacy.md.
///
/// An update Δ = w − θ, with θ the model that a round's nodes got, is scaled by
/// min(1, C / ‖Δ‖₂), C being the clipping norm and the norm that over all arrays together: on the
/// server reply by reply as they arrive, or by the nodes, to whom train messages carry
/// `clipping_norm` (a double) in their config. The inner strategy aggregates, and the result gets
/// independent noise of standard deviation noise_multiplier · C / num_sampled_clients in each
/// element (McMahan et al., 2018, "Learning Differentially Private Recurrent Language Models",
/// arXiv:1710.06963). Computed in double; integers become float64.
///
/// As in Flower a round in which a node answers with an error is not aggregated: the model stays
/// as it is, and so does the state. The same goes for a reply that cannot be used: no ArrayRecord
/// or several, arrays that are not of real numbers or hold NaN or infinity; when the server clips
/// also arrays that do not fit θ. All are in the failures of the round. Fewer or more usable
/// replies than `num_sampled_clients` are a warning, for the noise is not made for them.
///
/// Everything else is the inner strategy's. Memory: θ, and when the server clips one array of the
/// reply that is being clipped, beside what the inner strategy holds.
///
/// State: the inner strategy's records with `differential-privacy.` before their names; and
/// `differential-privacy`, with the clipping norm if that adapts, and
/// `differential-privacy-accountant`, if there is one.
class DifferentialPrivacyStrategy : public StrategyWrapper {
 public:
  /// @return as the inner strategy; with an accountant `kResourceExhausted` when the round would
  ///   exceed its `max_epsilon`, before a message is sent, and `kFailedPrecondition` when the inner
  ///   strategy asks another number of nodes than `num_sampled_clients`.
  StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                const ConfigRecord& config, Grid& grid,
                                                std::stop_token stop) override;
  std::unique_ptr<Aggregator> AggregateTrain(int server_round) override;
  RecordDict State() const override;
  Status RestoreState(const RecordDict& state) override;
  std::vector<std::string> Summary() const override;

  /// The norm of the next round.
  double clipping_norm() const { return clipping_norm_; }

 protected:
  /// How the clipping norm follows the updates; see dp_adaptive_clipping.h.
  struct Adaptation {
    double target_clipped_quantile = 0;
    double clip_norm_lr = 0;
    double clipped_count_stddev = 0;
  };

  struct Settings {
    std::string name;             ///< Of the class, for the log.
    bool server_clips = false;    ///< Else the nodes do.
    double noise_multiplier = 0;  ///< That of the noise of the arrays.
    double clipping_norm = 0;     ///< Of the first round.
    int num_sampled_clients = 0;
    std::optional<Adaptation> adaptation;  ///< Absent: the norm stays.
    std::shared_ptr<RdpAccountant> accountant;
    std::string weighted_by_key;  ///< With an accountant: the metric that must be equal for all.
    std::optional<std::uint64_t> noise_seed;
  };

  /// `strategy` and `settings` have been checked.
  DifferentialPrivacyStrategy(std::unique_ptr<Strategy> strategy, Settings settings);

 private:
  class RoundAggregator;

  Status PrepareRelease(std::size_t num_messages);
  GaussianPrivacyEvent Release() const;
  Status Adapt(int server_round, int num_clipped, int num_replies);
  StatusOr<AggregateResult> AddNoise(int server_round, double clipping_norm,
                                     AggregateResult result);

  Settings settings_;
  double clipping_norm_;
  bool adapted_ = false;       ///< The norm is not that of the first round any more.
  ArrayRecord global_arrays_;  ///< θ of the round, if the server clips.
};

}  // namespace flwrcpp
