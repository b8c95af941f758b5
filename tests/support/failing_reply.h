// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp::testing {

/// Expects of a strategy that carries nothing from round to round that `bad` is a failure of its
/// node with `text`, and that the round gives what it gives with the `good` replies alone.
inline void ExpectFailure(Strategy& strategy, const ArrayRecord& global, const TrainReply& bad,
                          const std::vector<TrainReply>& good, const std::string& text) {
  std::vector<TrainReply> replies = {bad};
  replies.insert(replies.end(), good.begin(), good.end());

  const auto result = TrainRound(strategy, global, replies);
  const auto expected = TrainRound(strategy, global, good);

  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(expected, IsOk());
  EXPECT_THAT(result->failures,
              ::testing::ElementsAre(::testing::Pair(bad.node_id, ::testing::HasSubstr(text))));
  EXPECT_EQ(result->num_results, static_cast<int>(good.size()));
  ASSERT_TRUE(result->arrays.has_value());
  EXPECT_EQ(*result->arrays, *expected->arrays);
  EXPECT_EQ(*result->metrics, *expected->metrics);
}

/// An array "w" of complex numbers, which no strategy can reckon with.
inline ArrayRecord ComplexArrays(std::int64_t size) {
  ArrayRecord arrays;
  arrays.Set("w", Array::Build("complex64", {size}, [](std::span<std::byte> bytes) {
                    std::fill(bytes.begin(), bytes.end(), std::byte{0});
                  }).value());
  return arrays;
}

}  // namespace flwrcpp::testing
