// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server/secagg/neighbours.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal::secagg {
namespace {

/// The int 1 means all, as the fraction does.
std::variant<int, double> Meant(std::variant<int, double> number) {
  const int* const count = std::get_if<int>(&number);
  return count != nullptr && *count == 1 ? 1.0 : number;
}

/// Random bits from OpenSSL: who are neighbours must not be foreseeable.
struct RandomBits {
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() const { return RandomId(); }
};

std::int64_t ShareNum(const std::variant<int, double>& num_shares, std::int64_t node_count) {
  if (const int* const count = std::get_if<int>(&num_shares)) {
    // Neighbours come in pairs, and there is a share for oneself.
    const bool one_more = *count % 2 == 0 && *count != node_count;
    return *count + (one_more ? 1 : 0);
  }
  const double fraction = std::get<double>(num_shares) * static_cast<double>(node_count);
  std::int64_t shares = std::llrint(fraction);
  if (shares < node_count && shares % 2 == 0) ++shares;
  return shares <= 2 ? node_count : shares;
}

std::int64_t Threshold(const std::variant<int, double>& threshold, std::int64_t shares) {
  if (const int* const count = std::get_if<int>(&threshold)) return *count;
  const double fraction = std::get<double>(threshold) * static_cast<double>(shares);
  return std::max<std::int64_t>(std::llrint(fraction), 2);
}

Status CheckNumShares(const std::variant<int, double>& num_shares) {
  if (const int* const count = std::get_if<int>(&num_shares)) {
    if (*count > 2) return absl::OkStatus();
    return InvalidArgument("num_shares is {}, expected at least 3, or a fraction", *count);
  }
  const double fraction = std::get<double>(num_shares);
  if (std::isfinite(fraction) && fraction > 0 && fraction <= 1) return absl::OkStatus();
  return InvalidArgument("num_shares is {}, expected a fraction in (0, 1]", fraction);
}

Status CheckThreshold(const std::variant<int, double>& threshold,
                      const std::variant<int, double>& num_shares) {
  if (const double* const fraction = std::get_if<double>(&threshold)) {
    if (*fraction > 0 && *fraction <= 1) return absl::OkStatus();
    return InvalidArgument("reconstruction_threshold is {}, expected a fraction in (0, 1]",
                           *fraction);
  }
  const int count = std::get<int>(threshold);
  if (count < 2) {
    return InvalidArgument("reconstruction_threshold is {}, expected at least 2, or a fraction",
                           count);
  }
  const int* const shares = std::get_if<int>(&num_shares);
  if (shares == nullptr || count < *shares) return absl::OkStatus();
  return InvalidArgument("reconstruction_threshold is {}, expected less than num_shares, {}", count,
                         *shares);
}

}  // namespace

Status CheckOptions(const SecAggPlusOptions& options) {
  const auto num_shares = Meant(options.num_shares);
  FLWRCPP_RETURN_IF_ERROR(CheckNumShares(num_shares));
  FLWRCPP_RETURN_IF_ERROR(CheckThreshold(Meant(options.reconstruction_threshold), num_shares));
  if (options.timeout.has_value() && !(options.timeout->count() > 0)) {
    return InvalidArgument("timeout is {} s, expected a positive number", options.timeout->count());
  }
  Settings settings;
  settings.sample_num = settings.share_num = settings.threshold = 2;  // come with the nodes
  settings.clipping_range = options.clipping_range;
  settings.target_range = options.quantization_range;
  settings.mod_range = options.modulus_range;
  settings.max_weight = options.max_weight;
  return CheckSettings(settings);
}

StatusOr<Settings> SettingsFor(const SecAggPlusOptions& options, std::size_t node_count) {
  Settings settings;
  settings.sample_num = static_cast<std::int64_t>(node_count);
  settings.share_num = ShareNum(Meant(options.num_shares), settings.sample_num);
  settings.threshold = Threshold(Meant(options.reconstruction_threshold), settings.share_num);
  settings.clipping_range = options.clipping_range;
  settings.target_range = options.quantization_range;
  settings.mod_range = options.modulus_range;
  settings.max_weight = options.max_weight;
  FLWRCPP_RETURN_IF_ERROR(CheckSettings(settings));
  if (settings.sample_num > settings.mod_range / settings.target_range) {
    return InvalidArgument(
        "the sum over {} nodes may not fit modulus_range {}, which holds {} times "
        "quantization_range",
        node_count, settings.mod_range, settings.mod_range / settings.target_range);
  }
  return settings;
}

std::map<std::uint64_t, NodeIds> DrawNeighbours(std::vector<std::uint64_t> node_ids,
                                                std::int64_t share_num) {
  std::shuffle(node_ids.begin(), node_ids.end(), RandomBits());
  const std::size_t count = node_ids.size();
  const std::size_t reach = std::min(static_cast<std::size_t>(share_num) / 2, count);
  std::map<std::uint64_t, NodeIds> neighbours;
  for (std::size_t i = 0; i < count; ++i) {
    NodeIds& own = neighbours[node_ids[i]];
    for (std::size_t step = 0; step <= reach; ++step) {
      own.insert(node_ids[(i + step) % count]);
      own.insert(node_ids[(i + count - step) % count]);
    }
  }
  return neighbours;
}

}  // namespace flwrcpp::internal::secagg
