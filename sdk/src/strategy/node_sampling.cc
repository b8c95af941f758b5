// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/node_sampling.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

/// Longest wait in the grid before a stop is noticed.
constexpr std::chrono::duration<double> kWaitSlice = std::chrono::milliseconds(250);

/// A run that waits for nodes longer than this says so as a warning: somebody may have to act.
constexpr std::chrono::seconds kPatience(10);

/// SplitMix64 (Steele, Lea, Flood 2014). The standard library's distributions give other numbers
/// with each implementation; a seed shall mean the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// Uniform in [0, bound): values of the last, incomplete cycle are drawn again.
  std::uint64_t Below(std::uint64_t bound) {
    const std::uint64_t rest = (0 - bound) % bound;  // 2^64 mod bound
    while (true) {
      const std::uint64_t value = Next();
      if (value >= rest) return value % bound;
    }
  }

 private:
  std::uint64_t state_;
};

/// One seed for each round and phase: a run that goes on from a checkpoint chooses as the
/// uninterrupted one would have.
std::uint64_t SeedOf(const SampleRequest& request) {
  std::uint64_t seed =
      Random(request.seed).Next() + static_cast<std::uint64_t>(request.server_round);
  for (const char c : request.phase) {
    seed = Random(seed).Next() + static_cast<unsigned char>(c);
  }
  return seed;
}

}  // namespace

StatusOr<std::vector<std::uint64_t>> AwaitNodes(
    Grid& grid, std::string_view phase, const std::function<std::size_t(std::size_t)>& needed,
    const std::stop_token& stop) {
  const auto patience_ends = std::chrono::steady_clock::now() + kPatience;
  std::optional<std::pair<LogLevel, std::size_t>> last_reported;
  while (true) {
    if (stop.stop_requested()) {
      return MakeError(StatusCode::kCancelled, "stopped while waiting for nodes to {}", phase);
    }
    FLWRCPP_ASSIGN_OR_RETURN(std::vector<std::uint64_t> online, grid.GetNodeIds());
    if (online.size() >= needed(online.size())) return online;
    const bool patient = std::chrono::steady_clock::now() < patience_ends;
    const std::pair report(patient ? LogLevel::kInfo : LogLevel::kWarning, online.size());
    if (report != last_reported) {
      Log(report.first, "{}: waiting for nodes, {} of {} are online", phase, online.size(),
          needed(online.size()));
      last_reported = report;
    }
    grid.WaitForNodes(kWaitSlice);
  }
}

StatusOr<std::vector<std::uint64_t>> SampleNodes(Grid& grid, const SampleRequest& request,
                                                 const std::stop_token& stop) {
  const auto needed = [&](std::size_t online) {
    return std::max(request.Count(online), request.min_available_nodes);
  };
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<std::uint64_t> online,
                           AwaitNodes(grid, request.phase, needed, stop));
  const std::size_t count = request.Count(online.size());
  Log(LogLevel::kInfo, "{}: sampled {} nodes (out of {})", request.phase, count, online.size());
  return Sample(std::move(online), count, SeedOf(request));
}

std::vector<std::uint64_t> Sample(std::vector<std::uint64_t> ids, std::size_t count,
                                  std::uint64_t seed) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  count = std::min(count, ids.size());
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(ids[i], ids[i + random.Below(ids.size() - i)]);
  }
  ids.resize(count);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace flwrcpp::internal
