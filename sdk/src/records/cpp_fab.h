// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "flwrcpp/bytes.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Makes the FAB of a run whose apps are C++ programs: a `pyproject.toml` with `config` as the run
/// config, and two Python modules that only say, where stock Flower starts one, that it should not
/// have. The same config gives the same bytes.
/// @return `kInvalidArgument` for a config whose keys cannot be written.
StatusOr<Bytes> MakeCppFab(const UserConfig& config);

}  // namespace flwrcpp::internal
