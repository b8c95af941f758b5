// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

inline constexpr std::string_view kCifar10Origin =
    "unpack cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html";

/// One sample to read, and its place in the result.
struct Pick {
  std::size_t index = 0;
  std::size_t place = 0;
  friend auto operator<=>(const Pick&, const Pick&) = default;
};

/// `indices` in the order in which files hold the samples.
std::vector<Pick> SortedPicks(std::span<const std::size_t> indices);

/// @return `kOutOfRange` if a pick is not below `size`.
Status CheckPicks(const std::vector<Pick>& picks, std::size_t size, const std::string& where);

/// @return `kDataLoss` naming the first label that is no class.
Status CheckLabels(std::span<const std::uint8_t> labels, int num_classes, const std::string& where);

}  // namespace flwrcpp::internal
