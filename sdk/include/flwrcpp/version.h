// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace flwrcpp {

/// Version of this library, e.g. "0.1.0".
std::string_view Version();

/// The Flower release whose wire this library speaks and tells its peers.
std::string_view FlowerVersion();

}  // namespace flwrcpp
