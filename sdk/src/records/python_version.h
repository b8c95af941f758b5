// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A version of a Python package, as PEP 440 orders them. What follows a `+` is left out.
class PythonVersion {
 public:
  /// @return `kInvalidArgument`.
  static StatusOr<PythonVersion> Parse(std::string_view text);

  bool is_prerelease() const { return pre_kind_ < kNoPre || dev_ != kNoDev; }
  /// Whether the release numbers begin as the first `count` ones of `other`.
  bool HasReleaseOf(const PythonVersion& other, std::size_t count) const;
  std::size_t release_size() const { return release_.size(); }

  friend std::strong_ordering operator<=>(const PythonVersion& a, const PythonVersion& b);
  friend bool operator==(const PythonVersion& a, const PythonVersion& b) {
    return (a <=> b) == std::strong_ordering::equal;
  }

 private:
  static constexpr int kNoPre = 4;
  static constexpr std::uint64_t kNoDev = UINT64_MAX;

  std::uint64_t epoch_ = 0;
  std::vector<std::uint64_t> release_;
  int pre_kind_ = kNoPre;  ///< 0: a development release alone; 1 a, 2 b, 3 rc.
  std::uint64_t pre_ = 0;
  std::int64_t post_ = -1;
  std::uint64_t dev_ = kNoDev;
};

/// A dependency of a Python package: `name[extras]>=1.2,<2; marker`.
struct PythonRequirement {
  struct Bound {
    std::string comparison;  ///< `>=`, `==`, `~=` and so on.
    PythonVersion version;
    bool any_suffix = false;  ///< The version ended in `.*`.
  };

  std::string name;
  std::vector<Bound> bounds;

  /// @return `kInvalidArgument`. A requirement that names a URL has no bounds.
  static StatusOr<PythonRequirement> Parse(std::string_view text);

  /// Whether `version` keeps all bounds. A pre-release does only if a bound names one.
  bool Allows(const PythonVersion& version) const;
};

}  // namespace flwrcpp::internal
