// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/normalize.h"

#include <array>
#include <cstddef>

namespace flwrcpp::task {

void Normalize(std::span<const std::uint8_t> in, std::span<float> out) {
  static constexpr auto kScaled = [] {
    std::array<float, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
      table[i] = (static_cast<float>(i) / 255.0F - 0.5F) / 0.5F;
    }
    return table;
  }();
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = kScaled[in[i]];
}

}  // namespace flwrcpp::task
