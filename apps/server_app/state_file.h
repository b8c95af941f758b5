// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "flwrcpp/status.h"
#include "server_app/checkpoint.h"

namespace flwrcpp::server_app {

/// Writes a strategy's state: an `.npz` of its arrays, with the rest in the text beside them.
/// @return `kUnavailable` naming the file and why it cannot be written.
Status SaveState(const std::filesystem::path& path, const StrategyState& state);

/// Reads it back: the same records in the same order.
/// @return `kNotFound`, or `kDataLoss` naming the file and what is wrong with it.
StatusOr<StrategyState> LoadState(const std::filesystem::path& path);

}  // namespace flwrcpp::server_app
