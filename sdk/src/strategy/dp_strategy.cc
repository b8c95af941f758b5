// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/dp_strategy.h"

#include <fmt/format.h>

#include <cmath>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "privacy/clipping.h"
#include "privacy/gaussian_noise.h"
#include "records/only_record.h"
#include "strategy/reply_aggregator.h"

namespace flwrcpp {
namespace {

using internal::GaussianNoise;
using internal::InvalidArgument;
using internal::Log;
using internal::MakeError;

constexpr char kOwnRecord[] = "differential-privacy";
constexpr char kAccountantRecord[] = "differential-privacy-accountant";
constexpr std::string_view kInnerPrefix = "differential-privacy.";

/// A norm that can be divided by, and is still one after some rounds more.
bool IsUsableNorm(double norm) { return std::isnormal(norm) && norm > 0; }

/// The weight of a reply, which has to be the same in all of them.
StatusOr<double> WeightOf(const Message& reply, const std::string& key) {
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                           internal::FindOnly<MetricRecord>(reply.content(), "MetricRecord"));
  const StatusOr<double> weight = std::get<MetricRecord>(item->second).GetDouble(key);
  if (!weight.ok()) {
    return internal::Annotate(weight.status(), fmt::format("MetricRecord '{}'", item->first));
  }
  if (!std::isfinite(*weight) || *weight <= 0) {
    return InvalidArgument("MetricRecord '{}': '{}' is {}, expected a finite number above 0",
                           item->first, key, *weight);
  }
  return *weight;
}

/// What can be told of a reply that its node has clipped.
Status CheckArrays(const Message& reply) {
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                           internal::FindOnly<ArrayRecord>(reply.content(), "ArrayRecord"));
  const Status status = internal::CheckFinite(std::get<ArrayRecord>(item->second));
  return status.ok() ? status
                     : internal::Annotate(status, fmt::format("ArrayRecord '{}'", item->first));
}

/// Whether the node has clipped its update.
StatusOr<bool> NormBitOf(const Message& reply) {
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                           internal::FindOnly<MetricRecord>(reply.content(), "MetricRecord"));
  const StatusOr<double> bit =
      std::get<MetricRecord>(item->second).GetDouble(internal::kNormBitKey);
  if (bit.ok() && std::isfinite(*bit)) return *bit != 0;
  return InvalidArgument("MetricRecord '{}': '{}' {}; does the node use AdaptiveClippingMod?",
                         item->first, internal::kNormBitKey,
                         bit.ok() ? "is not finite" : "is missing or no number");
}

}  // namespace

/// Clips or checks the replies of a round on their way to the inner strategy's aggregator.
class DifferentialPrivacyStrategy::RoundAggregator : public Aggregator {
 public:
  RoundAggregator(DifferentialPrivacyStrategy& strategy, int server_round,
                  std::unique_ptr<Aggregator> inner)
      : strategy_(strategy),
        server_round_(server_round),
        clipping_norm_(strategy.clipping_norm_),
        global_arrays_(std::exchange(strategy.global_arrays_, {})),
        inner_(std::move(inner)) {}

  void Add(Message reply) override {
    const std::uint64_t node_id = reply.metadata().src_node_id;
    const Status status = TryAdd(std::move(reply));
    if (status.ok()) {
      ++num_usable_;
    } else {
      failures_.emplace_back(node_id,
                             fmt::format("node {}: {}", node_id, std::string(status.message())));
    }
  }

  StatusOr<AggregateResult> Finish() override {
    const Settings& settings = strategy_.settings_;
    if (!failures_.empty()) {
      Log(LogLevel::kWarning, "{}: round {} is not aggregated, as {} of {} replies are unusable",
          settings.name, server_round_, failures_.size(), failures_.size() + num_usable_);
      AggregateResult skipped;
      skipped.num_results = num_usable_;
      skipped.failures = std::move(failures_);
      return skipped;
    }
    FLWRCPP_RETURN_IF_ERROR(unequal_weights_);
    FLWRCPP_ASSIGN_OR_RETURN(AggregateResult result, inner_->Finish());
    if (result.num_results != settings.num_sampled_clients) {
      Log(LogLevel::kWarning,
          "{}: {} usable replies in round {}, num_sampled_clients is {}: the noise does not fit",
          settings.name, result.num_results, server_round_, settings.num_sampled_clients);
      if (settings.accountant != nullptr) {
        result.arrays.reset();
        result.metrics.reset();
        return result;
      }
    }
    if (num_usable_ > 0) {
      FLWRCPP_RETURN_IF_ERROR(strategy_.Adapt(server_round_, num_clipped_, num_usable_));
    }
    if (!result.arrays.has_value()) return result;
    return strategy_.AddNoise(server_round_, clipping_norm_, std::move(result));
  }

 private:
  Status TryAdd(Message reply) {
    const Settings& settings = strategy_.settings_;
    FLWRCPP_RETURN_IF_ERROR(internal::CheckNoError(reply));
    bool clipped = false;
    if (settings.server_clips) {
      FLWRCPP_ASSIGN_OR_RETURN(clipped, Clip(reply));
    } else {
      FLWRCPP_RETURN_IF_ERROR(CheckArrays(reply));
      if (settings.adaptation.has_value()) {
        FLWRCPP_ASSIGN_OR_RETURN(clipped, NormBitOf(reply));
      }
    }
    if (settings.accountant != nullptr) FLWRCPP_RETURN_IF_ERROR(CompareWeight(reply));
    if (clipped) ++num_clipped_;
    if (failures_.empty()) inner_->Add(std::move(reply));
    return absl::OkStatus();
  }

  StatusOr<bool> Clip(Message& reply) {
    RecordDict content = reply.content();
    FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                             internal::FindOnly<ArrayRecord>(content, "ArrayRecord"));
    const std::string name = item->first;
    ArrayRecord& arrays = std::get<ArrayRecord>(*content.Find(name));
    reply = Message(reply.metadata(), RecordDict());  // so that replaced arrays are let go
    const StatusOr<bool> clipped = internal::ClipUpdate(global_arrays_, arrays, clipping_norm_);
    if (!clipped.ok()) {
      return internal::Annotate(clipped.status(), fmt::format("ArrayRecord '{}'", name));
    }
    reply = Message(reply.metadata(), std::move(content));
    return clipped;
  }

  Status CompareWeight(const Message& reply) {
    const std::string& key = strategy_.settings_.weighted_by_key;
    FLWRCPP_ASSIGN_OR_RETURN(const double weight, WeightOf(reply, key));
    if (!weight_.has_value()) weight_ = weight;
    if (weight == *weight_ || !unequal_weights_.ok()) return absl::OkStatus();
    unequal_weights_ =
        MakeError(StatusCode::kFailedPrecondition,
                  "{}: with an accountant all replies need the same '{}', node {} sent {} and "
                  "another one {}",
                  strategy_.settings_.name, key, reply.metadata().src_node_id, weight, *weight_);
    return absl::OkStatus();
  }

  DifferentialPrivacyStrategy& strategy_;
  const int server_round_;
  const double clipping_norm_;
  const ArrayRecord global_arrays_;
  const std::unique_ptr<Aggregator> inner_;
  int num_usable_ = 0;
  int num_clipped_ = 0;
  std::optional<double> weight_;  ///< Of the first reply.
  Status unequal_weights_;
  std::vector<std::pair<std::uint64_t, std::string>> failures_;
};

DifferentialPrivacyStrategy::DifferentialPrivacyStrategy(std::unique_ptr<Strategy> strategy,
                                                         Settings settings)
    : StrategyWrapper(std::move(strategy)),
      settings_(std::move(settings)),
      clipping_norm_(settings_.clipping_norm) {}

StatusOr<std::vector<Message>> DifferentialPrivacyStrategy::ConfigureTrain(
    int server_round, const ArrayRecord& arrays, const ConfigRecord& config, Grid& grid,
    std::stop_token stop) {
  ConfigRecord inner_config = config;
  if (!settings_.server_clips) inner_config.Set(internal::kClippingNormKey, clipping_norm_);
  FLWRCPP_ASSIGN_OR_RETURN(
      std::vector<Message> messages,
      StrategyWrapper::ConfigureTrain(server_round, arrays, inner_config, grid, std::move(stop)));
  FLWRCPP_RETURN_IF_ERROR(PrepareRelease(messages.size()));
  if (settings_.server_clips) global_arrays_ = arrays;
  return messages;
}

std::unique_ptr<Aggregator> DifferentialPrivacyStrategy::AggregateTrain(int server_round) {
  return std::make_unique<RoundAggregator>(*this, server_round,
                                           StrategyWrapper::AggregateTrain(server_round));
}

GaussianPrivacyEvent DifferentialPrivacyStrategy::Release() const {
  return {settings_.noise_multiplier, settings_.num_sampled_clients,
          settings_.accountant->config().population_size};
}

/// Checks that the round that is about to begin may be released.
Status DifferentialPrivacyStrategy::PrepareRelease(std::size_t num_messages) {
  if (settings_.accountant == nullptr || num_messages == 0) return absl::OkStatus();
  if (num_messages != static_cast<std::size_t>(settings_.num_sampled_clients)) {
    return MakeError(StatusCode::kFailedPrecondition,
                     "{}: the inner strategy asks {} nodes, num_sampled_clients is {}",
                     settings_.name, num_messages, settings_.num_sampled_clients);
  }
  if (!settings_.accountant->config().max_epsilon.has_value()) return absl::OkStatus();
  FLWRCPP_ASSIGN_OR_RETURN(const bool exceeds, settings_.accountant->WouldExceed(Release()));
  if (!exceeds) return absl::OkStatus();
  const PrivacySpent spent = settings_.accountant->GetPrivacySpent();
  return MakeError(StatusCode::kResourceExhausted,
                   "{}: one more release would exceed max_epsilon {}; {} have cost epsilon {} at "
                   "delta {}",
                   settings_.name, *settings_.accountant->config().max_epsilon, spent.num_releases,
                   spent.epsilon, spent.delta);
}

/// Moves the clipping norm after a round.
Status DifferentialPrivacyStrategy::Adapt(int server_round, int num_clipped, int num_replies) {
  if (!settings_.adaptation.has_value()) return absl::OkStatus();
  double count = num_clipped;
  if (settings_.adaptation->clipped_count_stddev > 0) {
    FLWRCPP_ASSIGN_OR_RETURN(GaussianNoise noise,
                             GaussianNoise::Create(settings_.noise_seed,
                                                   fmt::format("count of round {}", server_round)));
    double drawn = 0;
    FLWRCPP_RETURN_IF_ERROR(noise.Fill(std::span(&drawn, 1)));
    count += settings_.adaptation->clipped_count_stddev * drawn;
  }
  const double excess = count / num_replies - settings_.adaptation->target_clipped_quantile;
  const double norm = clipping_norm_ * std::exp(-settings_.adaptation->clip_norm_lr * excess);
  adapted_ = true;
  if (IsUsableNorm(norm)) {
    clipping_norm_ = norm;
  } else {
    Log(LogLevel::kWarning, "{}: the clipping norm stays {}, as it would become {}", settings_.name,
        clipping_norm_, norm);
  }
  Log(LogLevel::kInfo, "{}: the clipping norm of the next round is {:.6g}", settings_.name,
      clipping_norm_);
  return absl::OkStatus();
}

/// Makes a release of an aggregate of updates that were clipped to `clipping_norm`.
StatusOr<AggregateResult> DifferentialPrivacyStrategy::AddNoise(int server_round,
                                                                double clipping_norm,
                                                                AggregateResult result) {
  const double stddev = settings_.noise_multiplier * clipping_norm / settings_.num_sampled_clients;
  FLWRCPP_ASSIGN_OR_RETURN(
      GaussianNoise noise,
      GaussianNoise::Create(settings_.noise_seed, fmt::format("arrays of round {}", server_round)));
  FLWRCPP_RETURN_IF_ERROR(internal::AddGaussianNoise(*result.arrays, stddev, noise));
  Log(LogLevel::kInfo, "{}: updates clipped to {:.4f}, noise with standard deviation {:.4f} added",
      settings_.name, clipping_norm, stddev);
  if (settings_.accountant == nullptr) return result;
  FLWRCPP_RETURN_IF_ERROR(settings_.accountant->Compose(Release(), 1));
  const PrivacySpent spent = settings_.accountant->GetPrivacySpent();
  Log(LogLevel::kInfo, "{}: {} releases have cost epsilon {:.6f} at delta {}", settings_.name,
      spent.num_releases, spent.epsilon, spent.delta);
  return result;
}

RecordDict DifferentialPrivacyStrategy::State() const {
  const RecordDict inner = StrategyWrapper::State();
  const RdpAccountant* const accountant = settings_.accountant.get();
  RecordDict state;
  if (inner.empty() && !adapted_ && (accountant == nullptr || accountant->num_releases() == 0)) {
    return state;
  }
  for (const auto& [name, record] : inner) state.Set(std::string(kInnerPrefix) + name, record);
  if (settings_.adaptation.has_value()) {
    state.Set(kOwnRecord, MetricRecord{{internal::kClippingNormKey, clipping_norm_}});
  }
  if (accountant != nullptr) state.Set(kAccountantRecord, accountant->State());
  return state;
}

Status DifferentialPrivacyStrategy::RestoreState(const RecordDict& state) {
  RecordDict inner;
  for (const auto& [name, record] : state) {
    if (name.starts_with(kInnerPrefix)) {
      inner.Set(name.substr(kInnerPrefix.size()), record);
    } else if (!(name == kOwnRecord && settings_.adaptation.has_value()) &&
               !(name == kAccountantRecord && settings_.accountant != nullptr)) {
      return InvalidArgument("state: the record '{}' is not one of this strategy", name);
    }
  }
  double clipping_norm = settings_.clipping_norm;
  if (settings_.adaptation.has_value() && !state.empty()) {
    const MetricRecord* const own = state.FindMetrics(kOwnRecord);
    if (own == nullptr) return InvalidArgument("state: misses the MetricRecord '{}'", kOwnRecord);
    const StatusOr<double> norm = own->GetDouble(internal::kClippingNormKey);
    if (!norm.ok() || !IsUsableNorm(*norm)) {
      return InvalidArgument("state '{}': '{}' is missing or no number above 0", kOwnRecord,
                             internal::kClippingNormKey);
    }
    clipping_norm = *norm;
  }
  std::optional<RdpAccountant> accountant;
  if (settings_.accountant != nullptr && !state.empty()) {
    const ConfigRecord* const kept = state.FindConfig(kAccountantRecord);
    if (kept == nullptr) {
      return InvalidArgument("state: misses the ConfigRecord '{}'", kAccountantRecord);
    }
    accountant = *settings_.accountant;
    const Status status = accountant->RestoreState(*kept);
    if (!status.ok()) {
      return internal::Annotate(status, fmt::format("state '{}'", kAccountantRecord));
    }
  }
  FLWRCPP_RETURN_IF_ERROR(StrategyWrapper::RestoreState(inner));
  clipping_norm_ = clipping_norm;
  adapted_ = settings_.adaptation.has_value() && !state.empty();
  if (accountant.has_value()) *settings_.accountant = *std::move(accountant);
  return absl::OkStatus();
}

std::vector<std::string> DifferentialPrivacyStrategy::Summary() const {
  std::vector<std::string> lines = {fmt::format(
      "{}: noise_multiplier {}, clipping_norm {}, num_sampled_clients {}", settings_.name,
      settings_.noise_multiplier, clipping_norm_, settings_.num_sampled_clients)};
  if (settings_.adaptation.has_value()) {
    lines.push_back(fmt::format(
        "target_clipped_quantile {}, clip_norm_lr {}, clipped_count_stddev "
        "{}",
        settings_.adaptation->target_clipped_quantile, settings_.adaptation->clip_norm_lr,
        settings_.adaptation->clipped_count_stddev));
  }
  if (settings_.accountant != nullptr) {
    const PrivacySpent spent = settings_.accountant->GetPrivacySpent();
    lines.push_back(fmt::format("privacy spent: epsilon {:.6f} at delta {} by {} releases",
                                spent.epsilon, spent.delta, spent.num_releases));
  }
  if (settings_.noise_seed.has_value()) {
    lines.emplace_back("noise_seed is set: the noise is predictable and protects nothing");
  }
  for (std::string& line : StrategyWrapper::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
