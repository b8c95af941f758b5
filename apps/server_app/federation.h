// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "flwrcpp/status.h"
#include "server_app/options.h"

namespace flwrcpp::server_app {

/// Runs the whole federation of `options`: opens the SuperLink, prints its readiness lines, runs
/// the rounds, writes a checkpoint, metrics and report after each, and the model at the end.
/// @return `kCancelled` after a requested stop, saying how to go on; otherwise what went wrong.
Status RunFederation(const Options& options, std::stop_token stop);

}  // namespace flwrcpp::server_app
