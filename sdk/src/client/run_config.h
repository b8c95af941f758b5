// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "flwrcpp/bytes.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Reads the defaults of an app's run config out of its FAB (a zip file): the table
/// `[tool.flwr.app.config]` of `pyproject.toml`, nested tables flattened with dots. Nothing else
/// in the FAB is looked at.
/// @return `kInvalidArgument` for a file that is no such FAB, or values that are no scalars.
StatusOr<UserConfig> ReadFabConfig(const Bytes& fab);

/// As `ReadFabConfig()`, from the text of the `pyproject.toml`.
StatusOr<UserConfig> ReadAppConfig(std::string_view pyproject);

/// Lays what the user said at `flwr run` over the app's defaults.
UserConfig Overlay(UserConfig defaults, const UserConfig& overrides);

}  // namespace flwrcpp::internal
