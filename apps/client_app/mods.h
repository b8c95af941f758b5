// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "flwrcpp/client_app.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::client_app {

/// The names that `MakeMods` knows.
std::vector<std::string> ModNames();

/// Makes the mods of a list such as "message-size,fixedclipping", the first one outermost.
/// @param local_dp the settings of "localdp", by Flower's names.
/// @return `kInvalidArgument` for an unknown name or setting.
StatusOr<std::vector<Mod>> MakeMods(const std::string& names, const UserConfig& local_dp);

}  // namespace flwrcpp::client_app
