// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace flwrcpp::task {

/// Scales bytes to [-1, 1] as `Normalize(0.5, 0.5)` after `ToTensor()` does in Flower's PyTorch
/// apps, for each channel alike. `out` must be as long as `in`.
void Normalize(std::span<const std::uint8_t> in, std::span<float> out);

}  // namespace flwrcpp::task
