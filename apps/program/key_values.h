// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::program {

/// Reads `key=value key='text'`, values in TOML, as `flower-supernode --node-config` does.
/// @param where the flag or key that the text is from, for the error.
/// @param example what such a text may look like, likewise.
/// @return `kInvalidArgument` saying which part cannot be read.
StatusOr<UserConfig> ParseKeyValues(const std::string& where, const std::string& example,
                                    const std::string& text);

}  // namespace flwrcpp::program
