// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Reads the arrays of a strategy's state: exactly the records named in `targets`, with the same
/// keys in each and real numbers in all; or none of them, for the beginning of a run.
/// @return `kInvalidArgument` naming what is wrong; the targets are as they were then.
Status RestoreArrays(const RecordDict& state, const std::map<std::string, ArrayRecord*>& targets);

}  // namespace flwrcpp::internal
