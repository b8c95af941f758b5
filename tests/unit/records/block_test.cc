// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "internal/block.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
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

}  // namespace
}  // namespace flwrcpp::internal
