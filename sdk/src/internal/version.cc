// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/version.h"

namespace flwrcpp {

std::string_view Version() { return FLWRCPP_VERSION; }

std::string_view FlowerVersion() { return "1.42.0"; }

}  // namespace flwrcpp
