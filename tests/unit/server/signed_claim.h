// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "superlink/superexec_auth.h"

namespace flwrcpp::internal {

/// What a SuperExec that knows `secret` puts on a claim. Made with nothing of ours, so that both
/// cannot be wrong alike.
SuperExecCredentials SignClaim(const std::string& secret, const std::string& method,
                               const std::string& body, std::int64_t seconds,
                               const std::string& nonce);

}  // namespace flwrcpp::internal
