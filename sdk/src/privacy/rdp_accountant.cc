// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "flwrcpp/privacy_accounting.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "privacy/rdp_state.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Below this order the conversion is numerically worthless, and no use either.
constexpr double kSmallestOrder = 1.01;

std::vector<double> DefaultOrders() {
  std::vector<double> orders;
  for (int tenths = 1; tenths < 100; ++tenths) orders.push_back(1 + tenths / 10.0);
  for (int order = 11; order < 64; ++order) orders.push_back(order);
  for (const int order : {128, 256, 512, 1024}) orders.push_back(order);
  return orders;
}

bool IsPositive(double value) { return std::isfinite(value) && value > 0; }

Status CheckDelta(const char* name, double delta) {
  if (delta > 0 && delta < 1) return absl::OkStatus();
  return InvalidArgument("{} is {}, expected a number between 0 and 1", name, delta);
}

Status CheckConfig(const PrivacyConfig& config) {
  FLWRCPP_RETURN_IF_ERROR(CheckDelta("target_delta", config.target_delta));
  if (config.population_size <= 0) {
    return InvalidArgument("population_size is {}, expected at least 1", config.population_size);
  }
  if (config.max_epsilon.has_value() && !IsPositive(*config.max_epsilon)) {
    return InvalidArgument("max_epsilon is {}, expected a finite number above 0",
                           *config.max_epsilon);
  }
  if (config.sampling_method != SamplingMethod::kNoAmplification ||
      config.neighboring_relation != NeighboringRelation::kAddOrRemoveOne) {
    return MakeError(StatusCode::kUnimplemented,
                     "sampling method '{}' with neighboring relation '{}' is not supported, only "
                     "'no-amplification' with 'add-or-remove-one'",
                     internal::NameOf(config.sampling_method),
                     internal::NameOf(config.neighboring_relation));
  }
  return absl::OkStatus();
}

Status CheckOrders(const std::vector<double>& orders) {
  if (orders.empty()) return InvalidArgument("expected at least one order, got none");
  for (const double order : orders) {
    if (!std::isfinite(order) || order <= 1) {
      return InvalidArgument("order {}: expected a finite number above 1", order);
    }
  }
  return absl::OkStatus();
}

Status CheckEvent(const GaussianPrivacyEvent& event, std::int64_t count,
                  const PrivacyConfig& config) {
  if (!IsPositive(event.noise_multiplier)) {
    return InvalidArgument("noise_multiplier is {}, expected a finite number above 0",
                           event.noise_multiplier);
  }
  if (event.population_size != config.population_size) {
    return InvalidArgument("population_size is {}, the accountant's is {}", event.population_size,
                           config.population_size);
  }
  if (event.sample_size <= 0 || event.sample_size > event.population_size) {
    return InvalidArgument("sample_size is {}, expected 1 to the population_size of {}",
                           event.sample_size, event.population_size);
  }
  if (count <= 0) return InvalidArgument("count is {}, expected at least 1", count);
  return absl::OkStatus();
}

/// The divergence of order 1, to which those of other orders are proportional.
double Divergence(const GaussianPrivacyEvent& event, std::int64_t count) {
  return static_cast<double>(count) / (2 * event.noise_multiplier * event.noise_multiplier);
}

template <typename Releases>
double Divergence(const Releases& releases) {
  double sum = 0;
  for (const auto& [event, count] : releases) sum += Divergence(event, count);
  return sum;
}

struct Epsilon {
  double epsilon = 0;
  double order = 0;
};

/// The smallest epsilon at `delta` that one of the orders proves.
Epsilon EpsilonOf(const std::vector<double>& orders, double divergence, double delta) {
  Epsilon best{kInfinity, orders.front()};
  for (const double order : orders) {
    const double rdp = order * divergence;
    double epsilon = kInfinity;
    if (delta * delta + std::expm1(-rdp) > 0) {
      epsilon = 0;  // the total variation is at most √(1 − e^−rdp), which is below delta
    } else if (order > kSmallestOrder) {
      epsilon = rdp + std::log1p(-1 / order) - std::log(delta * order) / (order - 1);
    }
    if (epsilon < best.epsilon) best = {epsilon, order};
  }
  best.epsilon = std::max(best.epsilon, 0.0);
  return best;
}

double DeltaOf(const std::vector<double>& orders, double divergence, double epsilon) {
  double best = kInfinity;  // logarithm
  for (const double order : orders) {
    const double rdp = order * divergence;
    best = std::min(best, rdp == 0 ? -kInfinity : 0.5 * std::log1p(-std::exp(-rdp)));
    if (order > kSmallestOrder) {
      best =
          std::min(best, (order - 1) * (rdp - epsilon + std::log1p(-1 / order)) - std::log(order));
    }
  }
  return std::min(std::exp(best), 1.0);
}

}  // namespace

StatusOr<std::unique_ptr<RdpAccountant>> RdpAccountant::Create(PrivacyConfig config) {
  return Create(config, DefaultOrders());
}

StatusOr<std::unique_ptr<RdpAccountant>> RdpAccountant::Create(PrivacyConfig config,
                                                               std::vector<double> orders) {
  Status status = CheckConfig(config);
  if (status.ok()) status = CheckOrders(orders);
  if (!status.ok()) return internal::Annotate(status, "RdpAccountant");
  return std::unique_ptr<RdpAccountant>(new RdpAccountant(config, std::move(orders)));
}

RdpAccountant::RdpAccountant(PrivacyConfig config, std::vector<double> orders)
    : config_(config), orders_(std::move(orders)) {}

std::int64_t RdpAccountant::num_releases() const {
  std::int64_t sum = 0;
  for (const auto& [event, count] : releases_) sum += count;
  return sum;
}

Status RdpAccountant::Compose(const GaussianPrivacyEvent& event, std::int64_t count) {
  FLWRCPP_RETURN_IF_ERROR(CheckEvent(event, count, config_));
  if (count > std::numeric_limits<std::int64_t>::max() - num_releases()) {
    return InvalidArgument("count is {}, which is too many after {}", count, num_releases());
  }
  if (!releases_.empty() && releases_.back().first == event) {
    releases_.back().second += count;
  } else {
    releases_.emplace_back(event, count);
  }
  return absl::OkStatus();
}

StatusOr<double> RdpAccountant::GetEpsilon(double delta) const {
  FLWRCPP_RETURN_IF_ERROR(CheckDelta("delta", delta));
  return EpsilonOf(orders_, Divergence(releases_), delta).epsilon;
}

StatusOr<double> RdpAccountant::GetDelta(double epsilon) const {
  if (!std::isfinite(epsilon) || epsilon < 0) {
    return InvalidArgument("epsilon is {}, expected a finite number of at least 0", epsilon);
  }
  return DeltaOf(orders_, Divergence(releases_), epsilon);
}

PrivacySpent RdpAccountant::GetPrivacySpent() const {
  const Epsilon best = EpsilonOf(orders_, Divergence(releases_), config_.target_delta);
  PrivacySpent spent;
  spent.epsilon = best.epsilon;
  spent.delta = config_.target_delta;
  spent.num_releases = num_releases();
  spent.accounting_method = internal::kRdp;
  spent.optimal_order = best.order;
  return spent;
}

StatusOr<bool> RdpAccountant::WouldExceed(const GaussianPrivacyEvent& event) const {
  FLWRCPP_RETURN_IF_ERROR(CheckEvent(event, 1, config_));
  if (!config_.max_epsilon.has_value()) {
    return InvalidArgument("the accountant has no max_epsilon to exceed");
  }
  const double divergence = Divergence(releases_) + Divergence(event, 1);
  return EpsilonOf(orders_, divergence, config_.target_delta).epsilon > *config_.max_epsilon;
}

ConfigRecord RdpAccountant::State() const {
  return internal::WriteRdpState({config_, orders_, releases_});
}

Status RdpAccountant::RestoreState(const ConfigRecord& state) {
  FLWRCPP_ASSIGN_OR_RETURN(internal::RdpState read, internal::ReadRdpState(state));
  if (read.config != config_) {
    return InvalidArgument("accountant state: its config is not that of this accountant");
  }
  Status status = CheckOrders(read.orders);
  RdpAccountant restored(config_, std::move(read.orders));
  for (const auto& [event, count] : read.releases) {
    if (status.ok()) status = restored.Compose(event, count);
  }
  if (!status.ok()) return internal::Annotate(status, "accountant state");
  *this = std::move(restored);
  return absl::OkStatus();
}

}  // namespace flwrcpp
