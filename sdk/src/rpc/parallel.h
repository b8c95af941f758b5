// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Calls `work` for each id, in `threads` threads of which the caller's is one. The first failure,
/// or a requested `stop`, requests the stop of all that is under way.
/// @return the first failure; `kCancelled` after `stop`.
Status ForEachParallel(std::span<const std::string> ids, int threads, std::stop_token stop,
                       const std::function<Status(const std::string& id, std::stop_token)>& work);

}  // namespace flwrcpp::internal
