// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server_app/history.h"

namespace flwrcpp::server_app {

/// A self-contained web page of a run: curves of accuracy and loss, the table of rounds, failures
/// and settings. Needs no network and no script.
std::string ToHtml(const History& history);

}  // namespace flwrcpp::server_app
