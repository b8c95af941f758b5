// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "privacy/rdp_state.h"

#include <string>
#include <variant>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr std::int64_t kSchemaVersion = 1;

/// The list `key`; a missing one is empty, since empty lists are not written.
template <typename T>
StatusOr<std::vector<T>> ListOf(const ConfigRecord& record, std::string_view key) {
  const ConfigValue* const value = record.Find(key);
  if (value == nullptr) return std::vector<T>();
  if (const auto* const list = std::get_if<std::vector<T>>(value)) return *list;
  return InvalidArgument("value '{}' is of another type than expected", key);
}

template <typename T>
void SetList(ConfigRecord& record, std::string key, std::vector<T> list) {
  if (!list.empty()) record.Set(std::move(key), std::move(list));
}

template <typename Enum>
StatusOr<Enum> FromName(const ConfigRecord& record, std::string_view key,
                        std::initializer_list<Enum> all) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::string name, record.GetString(key));
  for (const Enum each : all) {
    if (NameOf(each) == name) return each;
  }
  return InvalidArgument("value '{}' is '{}', which is not known", key, name);
}

StatusOr<PrivacyConfig> ReadConfig(const ConfigRecord& record) {
  PrivacyConfig config;
  FLWRCPP_ASSIGN_OR_RETURN(config.target_delta, record.GetDouble("target_delta"));
  FLWRCPP_ASSIGN_OR_RETURN(config.population_size, record.GetInt("population_size"));
  FLWRCPP_ASSIGN_OR_RETURN(
      config.neighboring_relation,
      FromName(record, "neighboring_relation",
               {NeighboringRelation::kAddOrRemoveOne, NeighboringRelation::kReplaceOne}));
  FLWRCPP_ASSIGN_OR_RETURN(config.sampling_method,
                           FromName(record, "sampling_method",
                                    {SamplingMethod::kPoisson, SamplingMethod::kWithoutReplacement,
                                     SamplingMethod::kNoAmplification}));
  if (record.contains("max_epsilon")) {
    FLWRCPP_ASSIGN_OR_RETURN(config.max_epsilon, record.GetDouble("max_epsilon"));
  }
  return config;
}

StatusOr<RdpState> Read(const ConfigRecord& record) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t version, record.GetInt("schema_version"));
  if (version != kSchemaVersion) {
    return InvalidArgument("schema_version is {}, expected {}", version, kSchemaVersion);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const std::string backend, record.GetString("backend"));
  if (backend != kRdp) return InvalidArgument("backend is '{}', expected '{}'", backend, kRdp);
  RdpState state;
  FLWRCPP_ASSIGN_OR_RETURN(state.config, ReadConfig(record));
  FLWRCPP_ASSIGN_OR_RETURN(state.orders, ListOf<double>(record, "orders"));
  FLWRCPP_ASSIGN_OR_RETURN(const auto multipliers, ListOf<double>(record, "noise_multipliers"));
  FLWRCPP_ASSIGN_OR_RETURN(const auto samples, ListOf<std::int64_t>(record, "sample_sizes"));
  FLWRCPP_ASSIGN_OR_RETURN(const auto counts, ListOf<std::int64_t>(record, "counts"));
  if (samples.size() != multipliers.size() || counts.size() != multipliers.size()) {
    return InvalidArgument("{} noise_multipliers, {} sample_sizes and {} counts, expected as many",
                           multipliers.size(), samples.size(), counts.size());
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    state.releases.emplace_back(
        GaussianPrivacyEvent{multipliers[i], samples[i], state.config.population_size}, counts[i]);
  }
  return state;
}

}  // namespace

std::string_view NameOf(NeighboringRelation relation) {
  return relation == NeighboringRelation::kReplaceOne ? "replace-one" : "add-or-remove-one";
}

std::string_view NameOf(SamplingMethod method) {
  switch (method) {
    case SamplingMethod::kPoisson:
      return "poisson";
    case SamplingMethod::kWithoutReplacement:
      return "without-replacement";
    default:
      return "no-amplification";
  }
}

ConfigRecord WriteRdpState(const RdpState& state) {
  ConfigRecord record;
  record.Set("schema_version", kSchemaVersion);
  record.Set("backend", std::string(kRdp));
  record.Set("target_delta", state.config.target_delta);
  record.Set("population_size", state.config.population_size);
  record.Set("neighboring_relation", std::string(NameOf(state.config.neighboring_relation)));
  record.Set("sampling_method", std::string(NameOf(state.config.sampling_method)));
  if (state.config.max_epsilon.has_value()) record.Set("max_epsilon", *state.config.max_epsilon);
  record.Set("orders", state.orders);
  std::vector<double> multipliers;
  std::vector<std::int64_t> samples;
  std::vector<std::int64_t> counts;
  for (const auto& [event, count] : state.releases) {
    multipliers.push_back(event.noise_multiplier);
    samples.push_back(event.sample_size);
    counts.push_back(count);
  }
  SetList(record, "noise_multipliers", std::move(multipliers));
  SetList(record, "sample_sizes", std::move(samples));
  SetList(record, "counts", std::move(counts));
  return record;
}

StatusOr<RdpState> ReadRdpState(const ConfigRecord& record) {
  StatusOr<RdpState> state = Read(record);
  if (state.ok()) return state;
  return InvalidArgument("accountant state: {}", std::string(state.status().message()));
}

}  // namespace flwrcpp::internal
