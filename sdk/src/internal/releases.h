// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

/// The releases of Flower that peers may be of, and what is said to those that cannot be. How the
/// wire differs is told apart by calls and transports, hardly ever by release numbers: Flower sends
/// them since 1.30 only, and a peer may leave them out.
namespace flwrcpp::internal {

struct Release {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const Release&, const Release&) = default;
};

namespace release {
/// Whose nodes and SuperLinks take objects as later ones do.
inline constexpr Release kOldestNode{1, 20};
/// Nodes register and activate; before, they are created and deleted.
inline constexpr Release kRegisteredNodes{1, 23};
/// Nodes speak HTTP, and executors and ServerApps the Runtime API of today.
inline constexpr Release kHttp{1, 40};
/// The newest one that was tried. Newer ones are taken for it.
inline constexpr Release kNewest{1, 42};
}  // namespace release

/// `1.42.0` → 1.42; none for what is no version.
std::optional<Release> ParseRelease(std::string_view version);

/// Logs a warning, once for each `peer` and release, if `version` is newer than any that was tried.
/// @param peer what calls, in our own words.
void WarnOfNewRelease(std::string_view peer, std::string_view version);

/// What a peer, or its user, is told whose release is older than `oldest`.
/// @param peer e.g. "this SuperNode".
std::string TooOldMessage(std::string_view peer, Release oldest);

}  // namespace flwrcpp::internal
