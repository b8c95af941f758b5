// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "internal/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace flwrcpp::internal {
namespace {

/// Takes about a millisecond, many times what it takes to start a thread.
constexpr std::size_t kBytesPerThread = std::size_t{8} << 20;

}  // namespace

std::size_t ThreadsForBytes(std::size_t bytes) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>(bytes / kBytesPerThread, 1, cores);
}

void ParallelFor(std::size_t count, std::size_t threads,
                 const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> helpers;
  try {
    for (std::size_t i = 1; i < std::min(threads, count); ++i) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // Those that there are do it all.
  }
  run();
}

}  // namespace flwrcpp::internal
