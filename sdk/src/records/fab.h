// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string>

#include "flwrcpp/bytes.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "records/pyproject.h"

namespace flwrcpp::internal {

/// Most bytes of a FAB.
inline constexpr std::size_t kMaxFabBytes = std::size_t{10} << 20;

/// Reads what a FAB (a zip file) says of its app, as a server does before it hands the FAB on.
/// @return `kInvalidArgument` for a file that is no zip file, larger than `kMaxFabBytes`, or
/// unpacks
///   to far more than that; one with a name that is there twice or leads out of the directory
///   that it is unpacked into; and for a `pyproject.toml` as for `ReadAppInfo()`.
StatusOr<FabInfo> ReadFab(const Bytes& fab);

/// Reads the defaults of an app's run config out of its FAB. Nothing else in it is looked at.
/// @return `kInvalidArgument` for a file that is no such FAB, or values that are no scalars.
StatusOr<UserConfig> ReadFabConfig(const Bytes& fab);

/// Lays what the user said at `flwr run` over the app's defaults.
UserConfig Overlay(UserConfig defaults, const UserConfig& overrides);

}  // namespace flwrcpp::internal
