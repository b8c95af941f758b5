// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedavgm.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/step_model.h"
#include "strategy/strategy_state.h"

namespace flwrcpp {

using internal::InvalidArgument;

StatusOr<std::unique_ptr<FedAvgM>> FedAvgM::Create(FedAvgMOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedAvgM", options));
  if (!std::isfinite(options.server_learning_rate) || options.server_learning_rate <= 0) {
    return InvalidArgument("FedAvgM: server_learning_rate is {}, expected a number above 0",
                           options.server_learning_rate);
  }
  if (!std::isfinite(options.server_momentum) || options.server_momentum < 0) {
    return InvalidArgument("FedAvgM: server_momentum is {}, expected a number of at least 0",
                           options.server_momentum);
  }
  return std::unique_ptr<FedAvgM>(new FedAvgM(std::move(options)));
}

FedAvgM::FedAvgM(FedAvgMOptions options)
    : ServerStep(options),
      learning_rate_(options.server_learning_rate),
      momentum_(options.server_momentum) {}

StatusOr<ArrayRecord> FedAvgM::Step(int /*server_round*/, const ArrayRecord& global,
                                    ArrayRecord mean) {
  if (momentum_ == 0 && learning_rate_ == 1) return mean;
  const auto step = [rate = learning_rate_, momentum = momentum_](
                        const auto* theta, auto* a, auto& moments, std::size_t count) {
    using T = std::decay_t<decltype(*a)>;
    auto* const m = moments[0].data();
    for (std::size_t i = 0; i < count; ++i) {
      const double old = theta[i];
      const double gradient = momentum * m[i] + (old - a[i]);
      m[i] = static_cast<T>(gradient);
      a[i] = static_cast<T>(old - rate * gradient);
    }
  };
  ArrayRecord unused;  // without momentum nothing is kept
  ArrayRecord* const kept = momentum_ == 0 ? &unused : &momentum_arrays_;
  return internal::StepModel<1>(global, std::move(mean), {kept}, step);
}

RecordDict FedAvgM::State() const {
  RecordDict state;
  if (!momentum_arrays_.empty()) state.Set("momentum", momentum_arrays_);
  return state;
}

Status FedAvgM::RestoreState(const RecordDict& state) {
  return internal::RestoreArrays(state, {{"momentum", &momentum_arrays_}});
}

std::vector<std::string> FedAvgM::Summary() const {
  std::vector<std::string> lines = {fmt::format(
      "FedAvgM: server_learning_rate {}, server_momentum {}", learning_rate_, momentum_)};
  for (std::string& line : ServerStep::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
