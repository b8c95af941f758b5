// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/python_version.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// Takes a number off the front of `text`.
std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  constexpr std::size_t kMaxDigits = 18;  // fits 64 bits
  std::size_t size = 0;
  std::uint64_t number = 0;
  while (size < text.size() && IsDigit(text[size])) {
    if (size == kMaxDigits) return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(text[size++] - '0');
  }
  if (size == 0) return std::nullopt;
  text.remove_prefix(size);
  return number;
}

void SkipSeparator(std::string_view& text) {
  if (!text.empty() && (text[0] == '.' || text[0] == '-' || text[0] == '_')) text.remove_prefix(1);
}

/// Takes `[.-_]WORD[.-_][N]` off the front of `text`, WORD being one of `words`.
/// @return which word, and N or 0.
std::optional<std::pair<int, std::uint64_t>> TakeSuffix(
    std::string_view& text, std::initializer_list<std::pair<std::string_view, int>> words) {
  std::string_view rest = text;
  SkipSeparator(rest);
  for (const auto& [word, kind] : words) {
    if (!rest.starts_with(word)) continue;
    rest.remove_prefix(word.size());
    std::string_view number = rest;
    SkipSeparator(number);
    std::uint64_t value = 0;
    if (const std::optional<std::uint64_t> given = TakeNumber(number)) {
      value = *given;
      rest = number;
    }
    text = rest;
    return std::pair(kind, value);
  }
  return std::nullopt;
}

}  // namespace

StatusOr<PythonVersion> PythonVersion::Parse(std::string_view text) {
  constexpr std::size_t kMaxParts = 16;
  const auto invalid = [text] { return InvalidArgument("'{}' is no version", text); };
  std::string lower(Trim(text));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view rest = lower;
  if (rest.starts_with('v')) rest.remove_prefix(1);

  PythonVersion version;
  std::optional<std::uint64_t> number = TakeNumber(rest);
  if (number && rest.starts_with('!')) {
    version.epoch_ = *number;
    rest.remove_prefix(1);
    number = TakeNumber(rest);
  }
  if (!number) return invalid();
  version.release_.push_back(*number);
  while (rest.size() > 1 && rest[0] == '.' && IsDigit(rest[1])) {
    rest.remove_prefix(1);
    number = TakeNumber(rest);
    if (!number || version.release_.size() == kMaxParts) return invalid();
    version.release_.push_back(*number);
  }

  if (const auto pre = TakeSuffix(rest, {{"alpha", 1},
                                         {"beta", 2},
                                         {"preview", 3},
                                         {"pre", 3},
                                         {"rc", 3},
                                         {"a", 1},
                                         {"b", 2},
                                         {"c", 3}})) {
    version.pre_kind_ = pre->first;
    version.pre_ = pre->second;
  }
  if (rest.size() > 1 && rest[0] == '-' && IsDigit(rest[1])) {
    rest.remove_prefix(1);
    number = TakeNumber(rest);
    if (!number) return invalid();
    version.post_ = static_cast<std::int64_t>(*number);
  } else if (const auto post = TakeSuffix(rest, {{"post", 0}, {"rev", 0}, {"r", 0}})) {
    version.post_ = static_cast<std::int64_t>(post->second);
  }
  if (const auto dev = TakeSuffix(rest, {{"dev", 0}})) version.dev_ = dev->second;
  if (version.pre_kind_ == kNoPre && version.post_ < 0 && version.dev_ != kNoDev) {
    version.pre_kind_ = 0;  // comes before all pre-releases
  }
  if (rest.size() > 1 && rest[0] == '+') {
    rest.remove_prefix(1);
    if (std::all_of(rest.begin(), rest.end(), IsWordCharacter)) rest = {};
  }
  if (!rest.empty()) return invalid();
  return version;
}

bool PythonVersion::HasReleaseOf(const PythonVersion& other, std::size_t count) const {
  if (epoch_ != other.epoch_) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t ours = i < release_.size() ? release_[i] : 0;
    if (ours != (i < other.release_.size() ? other.release_[i] : 0)) return false;
  }
  return true;
}

std::strong_ordering operator<=>(const PythonVersion& a, const PythonVersion& b) {
  if (const auto order = a.epoch_ <=> b.epoch_; order != 0) return order;
  const std::size_t size = std::max(a.release_.size(), b.release_.size());
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t left = i < a.release_.size() ? a.release_[i] : 0;
    const std::uint64_t right = i < b.release_.size() ? b.release_[i] : 0;
    if (const auto order = left <=> right; order != 0) return order;
  }
  return std::tie(a.pre_kind_, a.pre_, a.post_, a.dev_) <=>
         std::tie(b.pre_kind_, b.pre_, b.post_, b.dev_);
}

StatusOr<PythonRequirement> PythonRequirement::Parse(std::string_view text) {
  const auto invalid = [text] { return InvalidArgument("'{}' is no dependency", text); };
  std::string_view rest = Trim(text.substr(0, text.find(';')));
  const std::size_t name_size = static_cast<std::size_t>(
      std::find_if_not(rest.begin(), rest.end(), IsWordCharacter) - rest.begin());
  if (name_size == 0) return invalid();
  PythonRequirement requirement;
  requirement.name = std::string(rest.substr(0, name_size));
  rest = Trim(rest.substr(name_size));
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return invalid();
    rest = Trim(rest.substr(end + 1));
  }
  if (rest.starts_with('@')) return requirement;
  if (rest.starts_with('(') && rest.ends_with(')')) rest = Trim(rest.substr(1, rest.size() - 2));

  while (!rest.empty()) {
    constexpr std::array<std::string_view, 8> kComparisons = {
        "===", "==", "~=", "!=", "<=", ">=", "<", ">"};
    const auto* const comparison =
        std::find_if(kComparisons.begin(), kComparisons.end(),
                     [rest](std::string_view candidate) { return rest.starts_with(candidate); });
    if (comparison == kComparisons.end()) return invalid();
    const std::size_t end = std::min(rest.find(','), rest.size());
    std::string_view version = Trim(rest.substr(comparison->size(), end - comparison->size()));
    const bool any_suffix = version.ends_with(".*");
    if (any_suffix) version.remove_suffix(2);
    FLWRCPP_ASSIGN_OR_RETURN(PythonVersion bound, PythonVersion::Parse(version));
    if (*comparison == "~=" && bound.release_size() < 2) return invalid();
    requirement.bounds.push_back({std::string(*comparison), std::move(bound), any_suffix});
    rest = end < rest.size() ? Trim(rest.substr(end + 1)) : std::string_view();
  }
  return requirement;
}

bool PythonRequirement::Allows(const PythonVersion& version) const {
  const auto keeps = [&version](const Bound& bound) {
    const std::string& comparison = bound.comparison;
    const bool same_release =
        bound.any_suffix && version.HasReleaseOf(bound.version, bound.version.release_size());
    if (comparison == "==" || comparison == "===") return same_release || version == bound.version;
    if (comparison == "!=") return !same_release && version != bound.version;
    if (comparison == "<=") return version <= bound.version;
    if (comparison == ">=") return version >= bound.version;
    if (comparison == "<") return version < bound.version;
    if (comparison == ">") return version > bound.version;
    return version >= bound.version &&
           version.HasReleaseOf(bound.version, bound.version.release_size() - 1);
  };
  const auto names_prerelease = [](const Bound& bound) { return bound.version.is_prerelease(); };
  if (version.is_prerelease() && std::none_of(bounds.begin(), bounds.end(), names_prerelease)) {
    return false;
  }
  return std::all_of(bounds.begin(), bounds.end(), keeps);
}

}  // namespace flwrcpp::internal
