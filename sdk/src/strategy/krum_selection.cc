// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/krum_selection.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <numeric>

#include "internal/status_macros.h"
#include "strategy/element_rows.h"

namespace flwrcpp::internal {
namespace {

/// Sums are split over several lanes, which the compiler may add to side by side.
constexpr std::size_t kLanes = 8;

template <typename T>
double SquaredDistance(const T* a, const T* b, std::size_t count) {
  const auto square = [](T x, T y) {
    // Two equal infinities are no distance; their difference is NaN.
    const double difference = x == y ? 0.0 : static_cast<double>(x) - static_cast<double>(y);
    return difference * difference;
  };
  std::array<double, kLanes> sums = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += square(a[i + lane], b[i + lane]);
    }
  }
  for (; i < count; ++i) sums[0] += square(a[i], b[i]);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

StatusOr<Distances> SquaredDistances(const ArrayLayout& layout,
                                     const std::vector<ArrayRecord>& records) {
  const std::size_t n = records.size();
  Distances distances(n, std::vector<double>(n, 0.0));
  for (const ArrayLayout::Item& item : layout.items()) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<RealReader> readers, OpenEach(item.key, records));
    WithWorkType(item.result_descr, [&]<typename T>() {
      ForEachBlockOfRows<T>(readers, [&](ElementRows<T>& rows, std::size_t, std::size_t count) {
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t j = i + 1; j < n; ++j) {
            distances[i][j] += SquaredDistance(rows[i], rows[j], count);
          }
        }
      });
    });
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      double& distance = distances[i][j];
      if (distance != distance) distance = std::numeric_limits<double>::infinity();
      distances[j][i] = distance;
    }
  }
  return distances;
}

std::vector<std::size_t> SelectMultiKrum(const Distances& distances, int num_malicious_nodes,
                                         std::size_t num_nodes_to_select) {
  const std::size_t n = distances.size();
  const std::int64_t nearest = static_cast<std::int64_t>(n) - num_malicious_nodes - 2;
  const std::size_t num_nearest =
      std::min(static_cast<std::size_t>(std::max<std::int64_t>(1, nearest)), n - 1);
  std::vector<double> scores;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> others = distances[i];
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    std::sort(others.begin(), others.end());
    scores.push_back(std::accumulate(
        others.begin(), others.begin() + static_cast<std::ptrdiff_t>(num_nearest), 0.0));
  }
  std::vector<std::size_t> positions(n);
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  std::stable_sort(positions.begin(), positions.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  positions.resize(std::min(n, num_nodes_to_select));
  std::sort(positions.begin(), positions.end());
  return positions;
}

}  // namespace flwrcpp::internal
