// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedprox.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp {

StatusOr<std::unique_ptr<FedProx>> FedProx::Create(FedProxOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedProx", options));
  if (!std::isfinite(options.proximal_mu) || options.proximal_mu < 0) {
    return internal::InvalidArgument("FedProx: proximal_mu is {}, expected a number of at least 0",
                                     options.proximal_mu);
  }
  return std::unique_ptr<FedProx>(new FedProx(std::move(options)));
}

FedProx::FedProx(FedProxOptions options) : FedAvg(options), proximal_mu_(options.proximal_mu) {}

StatusOr<std::vector<Message>> FedProx::ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                       const ConfigRecord& config, Grid& grid,
                                                       std::stop_token stop) {
  ConfigRecord with_mu = config;
  with_mu.Set("proximal-mu", proximal_mu_);
  return FedAvg::ConfigureTrain(server_round, arrays, with_mu, grid, std::move(stop));
}

std::vector<std::string> FedProx::Summary() const {
  std::vector<std::string> lines = {fmt::format("FedProx: proximal_mu {}", proximal_mu_)};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
