// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::program {

/// Hands out numbers by name from what `ParseKeyValues` read; '-' and '_' are the same. Remembers
/// the first error.
class Settings {
 public:
  /// @param where what errors begin with.
  Settings(std::string where, const UserConfig& values);

  /// Sets `out` if there is such a setting.
  void Get(const char* name, double& out);
  void Get(const char* name, std::optional<double>& out);
  void Get(const char* name, std::int64_t& out);
  void Get(const char* name, std::optional<std::uint64_t>& out);
  /// An int stays one: 1 is not 1.0.
  void Get(const char* name, std::variant<int, double>& out);

  /// The first error, a setting that nobody asked for included; to be asked last.
  Status Check() const;

 private:
  bool IsGiven(const char* name);
  template <typename T>
  void Take(const StatusOr<T>& value, T& out);

  std::string where_;
  UserConfig values_;
  std::vector<std::string> known_;
  Status status_;
};

}  // namespace flwrcpp::program
