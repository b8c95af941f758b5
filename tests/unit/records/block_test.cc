// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "internal/block.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(AllocateBlockTest, EveryByteOfABlockIsItsOwn) {
  std::vector<std::shared_ptr<char[]>> blocks;
  const std::vector<std::size_t> sizes = {0,        1,        4096,        2 * kMiB - 1,
                                          2 * kMiB, 5 * kMiB, 5 * kMiB + 1};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    blocks.push_back(AllocateBlock(sizes[i]));
    ASSERT_NE(blocks[i], nullptr) << sizes[i];
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks[i].get()) % 64, 0U) << sizes[i];
    std::memset(blocks[i].get(), static_cast<int>(i), sizes[i]);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::string expected(sizes[i], static_cast<char>(i));
    EXPECT_EQ(std::memcmp(blocks[i].get(), expected.data(), sizes[i]), 0) << sizes[i];
  }
}

TEST(AllocateBlockTest, MoreThanThereIsGivesNull) {
  EXPECT_EQ(AllocateBlock(std::numeric_limits<std::size_t>::max()), nullptr);
  EXPECT_EQ(AllocateBlock(std::numeric_limits<std::size_t>::max() / 2), nullptr);
}

#if !defined(__SANITIZE_ADDRESS__)  // whose blocks all come from its own malloc, to be watched

/// Bytes of all mappings of this process.
std::size_t MappedBytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// By which the heap may grow meanwhile.
constexpr std::size_t kHeap = kMiB / 2;

class FreedBlockTest : public testing::Test {
 protected:
  void SetUp() override { GiveBackFreeBlocks(std::chrono::seconds(0)); }
};

TEST_F(FreedBlockTest, ServesAgainForItsSizeAndALittleLess) {
  std::shared_ptr<char[]> block = AllocateBlock(5 * kMiB);
  const char* const address = block.get();
  block.reset();
  block = AllocateBlock(5 * kMiB - 1000);
  EXPECT_EQ(block.get(), address);
  const std::shared_ptr<char[]> other = AllocateBlock(5 * kMiB);
  EXPECT_NE(other.get(), address) << "it is in use";
  block.reset();
  block = AllocateBlock(5 * kMiB);
  EXPECT_EQ(block.get(), address) << "it has room for what it was made for";
}

TEST_F(FreedBlockTest, DoesNotServeForMoreOrMuchLess) {
  const std::size_t before = MappedBytes();
  for (const std::size_t size : {5 * kMiB + 1, 4 * kMiB, 2 * kMiB}) {
    AllocateBlock(5 * kMiB).reset();
    const std::size_t kept = MappedBytes();
    const std::shared_ptr<char[]> block = AllocateBlock(size);
    ASSERT_NE(block, nullptr);
    std::memset(block.get(), 1, size);
    if (size > 5 * kMiB) {
      EXPECT_GT(MappedBytes(), kept) << size;
    } else {
      EXPECT_LT(MappedBytes(), kept) << size;
    }
    GiveBackFreeBlocks(std::chrono::seconds(0));
  }
  GiveBackFreeBlocks(std::chrono::seconds(0));
  EXPECT_LT(MappedBytes(), before + kHeap);
}

TEST_F(FreedBlockTest, MakesRoomForBlocksOfOtherSizes) {
  std::vector<std::shared_ptr<char[]>> chunks(8);
  for (std::shared_ptr<char[]>& chunk : chunks) chunk = AllocateBlock(5 * kMiB);
  const std::size_t before = MappedBytes();
  chunks.clear();
  EXPECT_GE(MappedBytes(), before) << "freed blocks are kept";
  std::vector<std::shared_ptr<char[]>> arrays(2);
  for (std::shared_ptr<char[]>& array : arrays) array = AllocateBlock(20 * kMiB);
  EXPECT_LT(MappedBytes(), before + kHeap)
      << "as much is in use as was before, and nothing is kept";
}

TEST_F(FreedBlockTest, GoesBackToTheSystemInTheEnd) {
  const std::size_t before = MappedBytes();
  AllocateBlock(32 * kMiB).reset();
  GiveBackFreeBlocks(std::chrono::hours(1));
  EXPECT_GT(MappedBytes(), before + 32 * kMiB) << "it was freed just now";
  GiveBackFreeBlocks(std::chrono::seconds(0));
  EXPECT_LT(MappedBytes(), before + kHeap);
}

TEST_F(FreedBlockTest, IsOfOneThreadAtATime) {
  std::vector<std::jthread> threads;
  std::atomic<int> damaged = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread, &damaged] {
      for (int i = 0; i < 200; ++i) {
        const std::size_t size = kMiB + static_cast<std::size_t>(i % 3) * 100 * 1024;
        const std::shared_ptr<char[]> block = AllocateBlock(size);
        const char mark = static_cast<char>(4 * i + thread);
        for (std::size_t at = 0; at < size; at += 4096) block[at] = mark;
        for (std::size_t at = 0; at < size; at += 4096) damaged += block[at] != mark;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(damaged, 0);
}

#endif

}  // namespace
}  // namespace flwrcpp::internal
