// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/server_step.h"

namespace flwrcpp {

/// Settings of `FedAdagrad`, with Flower's names and defaults.
struct FedAdagradOptions : FedAvgOptions {
  double eta = 0.1;    ///< Learning rate of the server.
  double eta_l = 0.1;  ///< That of the nodes; as in Flower it is only written down.
  double tau = 1e-3;   ///< Degree of adaptivity, above 0.
};

/// Settings of `FedAdam`, with Flower's names and defaults.
struct FedAdamOptions : FedAvgOptions {
  double eta = 0.1;
  double eta_l = 0.1;
  double beta_1 = 0.9;   ///< How long the first moment lasts, at least 0 and below 1.
  double beta_2 = 0.99;  ///< Likewise the second one.
  double tau = 1e-3;
};

/// Settings of `FedYogi`, with Flower's names and defaults.
struct FedYogiOptions : FedAvgOptions {
  double eta = 0.01;
  double eta_l = 0.0316;
  double beta_1 = 0.9;
  double beta_2 = 0.99;
  double tau = 1e-3;
};

/// What FedAdagrad, FedAdam and FedYogi have in common (Reddi et al., 2020, "Adaptive Federated
/// Optimization"; `flwr.serverapp.strategy.FedOpt`).
///
/// With θ the global model, a the mean of FedAvg and Δ = a − θ: m ← β₁ · m + (1 − β₁) · Δ and v as
/// each says, both 0 at first; the new model is θ + rate · m / (√v + τ).
///
/// The arrays have the types of FedAvg's mean. Computed in double; m and v are kept as float32, for
/// float64 arrays as float64. State: the records `m` and `v`.
class FedOpt : public ServerStep {
 public:
  RecordDict State() const override;
  Status RestoreState(const RecordDict& state) override;
  std::vector<std::string> Summary() const override;

 protected:
  /// How v goes on.
  enum class Rule { kAdagrad, kAdam, kYogi };

  struct Settings {
    Rule rule = Rule::kAdagrad;
    std::string name;
    double eta = 0;
    double eta_l = 0;
    double beta_1 = 0;
    double beta_2 = 0;
    double tau = 0;
  };

  FedOpt(FedAvgOptions options, Settings settings);
  static Status CheckSettings(const FedAvgOptions& options, const Settings& settings);

  StatusOr<ArrayRecord> Step(int server_round, const ArrayRecord& global,
                             ArrayRecord mean) override;

 private:
  Settings settings_;
  ArrayRecord m_;  ///< Both empty before the first step.
  ArrayRecord v_;
};

/// v ← v + Δ², β₁ = 0, rate = eta. (`flwr.serverapp.strategy.FedAdagrad`)
class FedAdagrad : public FedOpt {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for numbers out of range.
  static StatusOr<std::unique_ptr<FedAdagrad>> Create(FedAdagradOptions options);

 private:
  using FedOpt::FedOpt;
};

/// v ← β₂ · v + (1 − β₂) · Δ², rate = eta · √(1 − β₂^(r+1)) / (1 − β₁^(r+1)) in round r.
/// (`flwr.serverapp.strategy.FedAdam`)
class FedAdam : public FedOpt {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for numbers out of range.
  static StatusOr<std::unique_ptr<FedAdam>> Create(FedAdamOptions options);

 private:
  using FedOpt::FedOpt;
};

/// v ← v − (1 − β₂) · Δ² · sign(v − Δ²), rate = eta. (`flwr.serverapp.strategy.FedYogi`)
class FedYogi : public FedOpt {
 public:
  /// @return `kInvalidArgument` as FedAvg, and for numbers out of range.
  static StatusOr<std::unique_ptr<FedYogi>> Create(FedYogiOptions options);

 private:
  using FedOpt::FedOpt;
};

}  // namespace flwrcpp
