// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "internal/releases.h"

#include <fmt/format.h>

#include <charconv>
#include <mutex>
#include <set>

#include "flwrcpp/version.h"
#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

/// Versions come from peers: what is remembered of them is bounded.
constexpr std::size_t kMostWarnings = 64;

}  // namespace

std::optional<Release> ParseRelease(std::string_view version) {
  Release release;
  const char* const end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, release.major);
  if (error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, minor_error] = std::from_chars(dot + 1, end, release.minor);
  if (minor_error != std::errc()) return std::nullopt;
  return release;
}

void WarnOfNewRelease(std::string_view peer, std::string_view version) {
  const std::optional<Release> release = ParseRelease(version);
  if (!release || *release <= release::kNewest) return;
  static std::mutex mutex;
  static std::set<std::string> warned;
  std::string name = fmt::format("{} of Flower {}.{}", peer, release->major, release->minor);
  const std::lock_guard lock(mutex);
  if (warned.size() >= kMostWarnings || !warned.insert(name).second) return;
  Log(LogLevel::kWarning,
      "{}: this release was never tried with flwrcpp {}, which takes it for {}.{}", name, Version(),
      release::kNewest.major, release::kNewest.minor);
}

std::string TooOldMessage(std::string_view peer, Release oldest) {
  return fmt::format(
      "{} is of a Flower release before {}.{}, which is not supported: install {}.{} or later",
      peer, oldest.major, oldest.minor, oldest.major, oldest.minor);
}

}  // namespace flwrcpp::internal
