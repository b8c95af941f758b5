// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "internal/parallel_for.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace flwrcpp::internal {
namespace {

TEST(ParallelForTest, DoesEachOnce) {
  for (const std::size_t threads : {0U, 1U, 3U, 20U}) {
    for (const std::size_t count : {0U, 1U, 2U, 10U, 1000U}) {
      std::vector<std::atomic<int>> done(count);
      ParallelFor(count, threads, [&](std::size_t i) { ++done[i]; });
      EXPECT_THAT(std::vector<int>(done.begin(), done.end()), testing::Each(1))
          << count << " in " << threads << " threads";
    }
  }
}

TEST(ParallelForTest, WorksInSoManyThreadsTheCallersAmongThem) {
  constexpr std::size_t kThreads = 3;
  std::latch all(kThreads);  // none goes on before all have something to do
  std::mutex mutex;
  std::set<std::thread::id> ids;
  ParallelFor(kThreads, kThreads, [&](std::size_t /*i*/) {
    all.arrive_and_wait();
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(ids.size(), kThreads);
  EXPECT_TRUE(ids.contains(std::this_thread::get_id()));
}

TEST(ParallelForTest, SmallThingsAreNotWorthAThread) {
  EXPECT_EQ(ThreadsForBytes(0), 1);
  EXPECT_EQ(ThreadsForBytes(std::size_t{1} << 20), 1);
  EXPECT_GE(ThreadsForBytes(std::size_t{1} << 40), 1);
  EXPECT_LE(ThreadsForBytes(std::size_t{1} << 40),
            std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace flwrcpp::internal
