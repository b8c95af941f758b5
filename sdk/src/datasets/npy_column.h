// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "flwrcpp/datasets/table.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Where the bytes of an `.npy` come from, front to end.
struct NpyInput {
  /// Fills `out`; fails if there are fewer bytes.
  std::function<Status(std::span<char> out)> read;
  /// Bytes that there are, or are said to be.
  std::uint64_t size = 0;
  /// Names the file in errors.
  std::string where;
};

/// Reads a column from all of `input`. Holds no more memory than the bytes that came, whatever
/// header and size say.
/// @return as `datasets::ReadNpy`.
StatusOr<datasets::Column> ReadNpyColumn(const NpyInput& input);

}  // namespace flwrcpp::internal
