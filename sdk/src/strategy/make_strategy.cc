// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/make_strategy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "flwrcpp/strategy/bulyan.h"
#include "flwrcpp/strategy/fedavgm.h"
#include "flwrcpp/strategy/fedbuff.h"
#include "flwrcpp/strategy/fedmedian.h"
#include "flwrcpp/strategy/fedopt.h"
#include "flwrcpp/strategy/fedprox.h"
#include "flwrcpp/strategy/fedtrimmedavg.h"
#include "flwrcpp/strategy/fedxgb_bagging.h"
#include "flwrcpp/strategy/fedxgb_cyclic.h"
#include "flwrcpp/strategy/krum.h"
#include "flwrcpp/strategy/qfedavg.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp {
namespace {

using internal::Annotate;
using internal::InvalidArgument;

/// `text` in lower case, with '_' for '-'.
std::string Folded(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return text;
}

/// Hands out a strategy's parameters by name; remembers the first error.
class Parameters {
 public:
  explicit Parameters(const ConfigRecord& values) {
    for (const auto& [name, value] : values) values_.Set(Folded(name), value);
  }

  void Get(const char* name, bool& out) {
    if (IsGiven(name)) Take(values_.GetBool(name), out);
  }

  void Get(const char* name, double& out) {
    if (IsGiven(name)) Take(values_.GetDouble(name), out);
  }

  void Get(const char* name, std::string& out) {
    if (IsGiven(name)) Take(values_.GetString(name), out);
  }

  void Get(const char* name, int& out) {
    std::int64_t value = out;
    if (IsGiven(name)) Take(values_.GetInt(name), value);
    if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
      Fail(InvalidArgument("{} is {}, which is too large", name, value));
    } else {
      out = static_cast<int>(value);
    }
  }

  void Get(const char* name, std::optional<int>& out) {
    int value = 0;
    Get(name, value);
    if (values_.contains(name)) out = value;
  }

  /// The first error; to be asked when all were handed out.
  Status Check() const {
    FLWRCPP_RETURN_IF_ERROR(status_);
    for (const auto& [name, unused] : values_) {
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      if (known_.empty()) return InvalidArgument("has no parameters, got {}", name);
      return InvalidArgument("unknown parameter {}, expected {}", name, fmt::join(known_, ", "));
    }
    return absl::OkStatus();
  }

 private:
  bool IsGiven(const char* name) {
    known_.emplace_back(name);
    return values_.contains(name);
  }

  template <typename T>
  void Take(StatusOr<T> value, T& out) {
    if (value.ok()) {
      out = *std::move(value);
    } else {
      Fail(value.status());
    }
  }

  void Fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  ConfigRecord values_;
  std::vector<std::string> known_;
  Status status_;
};

using Made = StatusOr<std::unique_ptr<Strategy>>;

/// Checks the parameters, of which all were handed out, and makes `S`.
template <typename S, typename Options>
Made Create(const Parameters& parameters, Options options) {
  FLWRCPP_RETURN_IF_ERROR(parameters.Check());
  return S::Create(std::move(options));
}

Made MakeFedAvg(const FedAvgOptions& common, Parameters& parameters) {
  return Create<FedAvg>(parameters, common);
}

Made MakeFedAvgM(const FedAvgOptions& common, Parameters& parameters) {
  FedAvgMOptions options{common};
  parameters.Get("server_learning_rate", options.server_learning_rate);
  parameters.Get("server_momentum", options.server_momentum);
  return Create<FedAvgM>(parameters, std::move(options));
}

Made MakeFedProx(const FedAvgOptions& common, Parameters& parameters) {
  FedProxOptions options{common};
  parameters.Get("proximal_mu", options.proximal_mu);
  return Create<FedProx>(parameters, std::move(options));
}

template <typename Options>
void GetFedOpt(Parameters& parameters, Options& options) {
  parameters.Get("eta", options.eta);
  parameters.Get("eta_l", options.eta_l);
  if constexpr (requires { options.beta_1; }) {
    parameters.Get("beta_1", options.beta_1);
    parameters.Get("beta_2", options.beta_2);
  }
  parameters.Get("tau", options.tau);
}

Made MakeFedAdagrad(const FedAvgOptions& common, Parameters& parameters) {
  FedAdagradOptions options{common};
  GetFedOpt(parameters, options);
  return Create<FedAdagrad>(parameters, std::move(options));
}

Made MakeFedAdam(const FedAvgOptions& common, Parameters& parameters) {
  FedAdamOptions options{common};
  GetFedOpt(parameters, options);
  return Create<FedAdam>(parameters, std::move(options));
}

Made MakeFedYogi(const FedAvgOptions& common, Parameters& parameters) {
  FedYogiOptions options{common};
  GetFedOpt(parameters, options);
  return Create<FedYogi>(parameters, std::move(options));
}

Made MakeFedMedian(const FedAvgOptions& common, Parameters& parameters) {
  return Create<FedMedian>(parameters, common);
}

Made MakeFedTrimmedAvg(const FedAvgOptions& common, Parameters& parameters) {
  FedTrimmedAvgOptions options{common};
  parameters.Get("beta", options.beta);
  return Create<FedTrimmedAvg>(parameters, std::move(options));
}

Made MakeKrum(const FedAvgOptions& common, Parameters& parameters) {
  KrumOptions options{common};
  parameters.Get("num_malicious_nodes", options.num_malicious_nodes);
  return Create<Krum>(parameters, std::move(options));
}

Made MakeMultiKrum(const FedAvgOptions& common, Parameters& parameters) {
  MultiKrumOptions options{common};
  parameters.Get("num_malicious_nodes", options.num_malicious_nodes);
  parameters.Get("num_nodes_to_select", options.num_nodes_to_select);
  return Create<MultiKrum>(parameters, std::move(options));
}

Made MakeBulyan(const FedAvgOptions& common, Parameters& parameters) {
  BulyanOptions options{common};
  parameters.Get("num_malicious_nodes", options.num_malicious_nodes);
  return Create<Bulyan>(parameters, std::move(options));
}

Made MakeQFedAvg(const FedAvgOptions& common, Parameters& parameters) {
  QFedAvgOptions options{common};
  parameters.Get("client_learning_rate", options.client_learning_rate);
  parameters.Get("q", options.q);
  parameters.Get("train_loss_key", options.train_loss_key);
  return Create<QFedAvg>(parameters, std::move(options));
}

Made MakeFedXgbBagging(const FedAvgOptions& common, Parameters& parameters) {
  return Create<FedXgbBagging>(parameters, common);
}

Made MakeFedXgbCyclic(const FedAvgOptions& common, Parameters& parameters) {
  return Create<FedXgbCyclic>(parameters, common);
}

Made MakeFedBuff(const FedAvgOptions& common, Parameters& parameters) {
  FedBuffOptions options{common};
  parameters.Get("buffer_size", options.buffer_size);
  parameters.Get("concurrency", options.concurrency);
  parameters.Get("server_learning_rate", options.server_learning_rate);
  parameters.Get("staleness_exponent", options.staleness_exponent);
  parameters.Get("max_staleness", options.max_staleness);
  parameters.Get("weight_by_examples", options.weight_by_examples);
  return Create<FedBuff>(parameters, std::move(options));
}

struct Entry {
  const char* name;
  Made (*make)(const FedAvgOptions& common, Parameters& parameters);
};

constexpr Entry kStrategies[] = {
    {"FedAvg", MakeFedAvg},
    {"FedAvgM", MakeFedAvgM},
    {"FedProx", MakeFedProx},
    {"FedAdagrad", MakeFedAdagrad},
    {"FedAdam", MakeFedAdam},
    {"FedYogi", MakeFedYogi},
    {"FedMedian", MakeFedMedian},
    {"FedTrimmedAvg", MakeFedTrimmedAvg},
    {"Krum", MakeKrum},
    {"MultiKrum", MakeMultiKrum},
    {"Bulyan", MakeBulyan},
    {"QFedAvg", MakeQFedAvg},
    {"FedXgbBagging", MakeFedXgbBagging},
    {"FedXgbCyclic", MakeFedXgbCyclic},
    {"FedBuff", MakeFedBuff},
};

}  // namespace

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kStrategies) names.emplace_back(entry.name);
  return names;
}

StatusOr<std::unique_ptr<Strategy>> MakeStrategy(const std::string& name,
                                                 const FedAvgOptions& common,
                                                 const ConfigRecord& parameters) {
  for (const Entry& entry : kStrategies) {
    if (Folded(entry.name) != Folded(name)) continue;
    Parameters own(parameters);
    Made strategy = entry.make(common, own);
    // What Create says begins with the name already.
    if (!strategy.ok() && !std::string(strategy.status().message()).starts_with(entry.name)) {
      return Annotate(strategy.status(), entry.name);
    }
    return strategy;
  }
  return InvalidArgument("unknown strategy '{}', expected {}", name,
                         fmt::join(StrategyNames(), ", "));
}

}  // namespace flwrcpp
