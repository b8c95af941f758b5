// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace flwrcpp::testing {

/// A zip file of files by name, in that order, deflated or only stored.
std::string MakeZip(const std::vector<std::pair<std::string, std::string>>& files,
                    bool deflated = true);

/// A `pyproject.toml` that Flower accepts, of the app `acme/app`, version 1.2.3.
/// @param config the lines of its config.
std::string TestPyproject(const std::string& config);

}  // namespace flwrcpp::testing
