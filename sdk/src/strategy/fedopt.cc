// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedopt.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/step_model.h"
#include "strategy/strategy_state.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;

Status CheckPositive(const std::string& name, const char* setting, double value) {
  if (std::isfinite(value) && value > 0) return absl::OkStatus();
  return InvalidArgument("{}: {} is {}, expected a number above 0", name, setting, value);
}

Status CheckDecay(const std::string& name, const char* setting, double value) {
  if (value >= 0 && value < 1) return absl::OkStatus();
  return InvalidArgument("{}: {} is {}, expected at least 0 and below 1", name, setting, value);
}

/// A step over one block; `second` gives the new v of the old one and Δ².
template <typename T, typename Second>
void StepBlock(const T* theta, T* a, T* m, T* v, std::size_t count, double beta_1, double rate,
               double tau, const Second& second) {
  for (std::size_t i = 0; i < count; ++i) {
    const double old = theta[i];
    const double delta = a[i] - old;
    const double first = beta_1 * m[i] + (1 - beta_1) * delta;
    const double variance = second(static_cast<double>(v[i]), delta * delta);
    m[i] = static_cast<T>(first);
    v[i] = static_cast<T>(variance);
    a[i] = static_cast<T>(old + rate * first / (std::sqrt(variance) + tau));
  }
}

}  // namespace

Status FedOpt::CheckSettings(const FedAvgOptions& options, const Settings& settings) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions(settings.name, options));
  FLWRCPP_RETURN_IF_ERROR(CheckPositive(settings.name, "eta", settings.eta));
  FLWRCPP_RETURN_IF_ERROR(CheckPositive(settings.name, "eta_l", settings.eta_l));
  FLWRCPP_RETURN_IF_ERROR(CheckPositive(settings.name, "tau", settings.tau));
  FLWRCPP_RETURN_IF_ERROR(CheckDecay(settings.name, "beta_1", settings.beta_1));
  return CheckDecay(settings.name, "beta_2", settings.beta_2);
}

FedOpt::FedOpt(FedAvgOptions options, Settings settings)
    : ServerStep(std::move(options)), settings_(std::move(settings)) {}

StatusOr<ArrayRecord> FedOpt::Step(int server_round, const ArrayRecord& global, ArrayRecord mean) {
  const auto [rule, name, eta, eta_l, beta_1, beta_2, tau] = settings_;
  const auto run = [&, beta_1 = beta_1, tau = tau](double rate, const auto& second) {
    const auto kernel = [&](const auto* theta, auto* a, auto& moments, std::size_t count) {
      StepBlock(theta, a, moments[0].data(), moments[1].data(), count, beta_1, rate, tau, second);
    };
    return internal::StepModel<2>(global, std::move(mean), {&m_, &v_}, kernel);
  };
  const double keep = beta_2;
  switch (rule) {
    case Rule::kAdagrad:
      return run(eta, [](double v, double square) { return v + square; });
    case Rule::kAdam: {
      // As in Flower the exponent is the round plus one, not the number of the step.
      const double step = server_round + 1.0;
      return run(eta * std::sqrt(1 - std::pow(beta_2, step)) / (1 - std::pow(beta_1, step)),
                 [keep](double v, double square) { return keep * v + (1 - keep) * square; });
    }
    case Rule::kYogi:
      return run(eta, [keep](double v, double square) {
        const double sign = static_cast<double>(v > square) - static_cast<double>(v < square);
        return v - (1 - keep) * square * sign;
      });
  }
  return internal::MakeError(StatusCode::kInternal, "{}: unknown rule", name);
}

RecordDict FedOpt::State() const {
  RecordDict state;
  if (m_.empty()) return state;
  state.Set("m", m_);
  state.Set("v", v_);
  return state;
}

Status FedOpt::RestoreState(const RecordDict& state) {
  return internal::RestoreArrays(state, {{"m", &m_}, {"v", &v_}});
}

std::vector<std::string> FedOpt::Summary() const {
  std::vector<std::string> lines = {fmt::format(
      "{}: eta {}, eta_l {}, beta_1 {}, beta_2 {}, tau {}", settings_.name, settings_.eta,
      settings_.eta_l, settings_.beta_1, settings_.beta_2, settings_.tau)};
  for (std::string& line : ServerStep::Summary()) lines.push_back(std::move(line));
  return lines;
}

StatusOr<std::unique_ptr<FedAdagrad>> FedAdagrad::Create(FedAdagradOptions options) {
  const Settings settings{Rule::kAdagrad, "FedAdagrad", options.eta, options.eta_l, 0, 0,
                          options.tau};
  FLWRCPP_RETURN_IF_ERROR(CheckSettings(options, settings));
  return std::unique_ptr<FedAdagrad>(new FedAdagrad(std::move(options), settings));
}

StatusOr<std::unique_ptr<FedAdam>> FedAdam::Create(FedAdamOptions options) {
  const Settings settings{Rule::kAdam,    "FedAdam",      options.eta, options.eta_l,
                          options.beta_1, options.beta_2, options.tau};
  FLWRCPP_RETURN_IF_ERROR(CheckSettings(options, settings));
  return std::unique_ptr<FedAdam>(new FedAdam(std::move(options), settings));
}

StatusOr<std::unique_ptr<FedYogi>> FedYogi::Create(FedYogiOptions options) {
  const Settings settings{Rule::kYogi,    "FedYogi",      options.eta, options.eta_l,
                          options.beta_1, options.beta_2, options.tau};
  FLWRCPP_RETURN_IF_ERROR(CheckSettings(options, settings));
  return std::unique_ptr<FedYogi>(new FedYogi(std::move(options), settings));
}

}  // namespace flwrcpp
