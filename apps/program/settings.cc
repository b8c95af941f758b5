// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace flwrcpp::program {

Settings::Settings(std::string where, const UserConfig& values) : where_(std::move(where)) {
  for (const auto& [name, value] : values) {
    std::string dashed = name;
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    values_.Set(std::move(dashed), value);
  }
}

void Settings::Get(const char* name, double& out) {
  if (IsGiven(name)) Take(values_.GetDouble(name), out);
}

void Settings::Get(const char* name, std::optional<double>& out) {
  double value = 0;
  Get(name, value);
  if (values_.contains(name)) out = value;
}

void Settings::Get(const char* name, std::int64_t& out) {
  if (IsGiven(name)) Take(values_.GetInt(name), out);
}

void Settings::Get(const char* name, std::optional<std::uint64_t>& out) {
  std::int64_t value = 0;
  Get(name, value);
  if (values_.contains(name)) out = static_cast<std::uint64_t>(value);
}

void Settings::Get(const char* name, std::variant<int, double>& out) {
  if (!IsGiven(name)) return;
  const StatusOr<std::int64_t> whole = values_.GetInt(name);
  if (whole.ok() && *whole >= std::numeric_limits<int>::min() &&
      *whole <= std::numeric_limits<int>::max()) {
    out = static_cast<int>(*whole);
    return;
  }
  double number = 0;
  Get(name, number);
  out = number;
}

Status Settings::Check() const {
  const auto annotate = [&](const std::string& text) {
    return Status(StatusCode::kInvalidArgument, where_ + ": " + text);
  };
  if (!status_.ok()) return annotate(std::string(status_.message()));
  for (const auto& [name, unused] : values_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    return annotate(fmt::format("unknown setting {}, expected {}", name, fmt::join(known_, ", ")));
  }
  return absl::OkStatus();
}

template <typename T>
void Settings::Take(const StatusOr<T>& value, T& out) {
  if (value.ok()) {
    out = *value;
  } else if (status_.ok()) {
    status_ = value.status();
  }
}

bool Settings::IsGiven(const char* name) {
  known_.emplace_back(name);
  return values_.contains(name);
}

}  // namespace flwrcpp::program
