// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "flwr/proto/run.pb.h"
#include "superlink/state/link_state.h"

namespace flwrcpp::internal {

/// A run as peers see it.
void ToProto(const RunInfo& run, flwr::proto::Run& proto);

}  // namespace flwrcpp::internal
