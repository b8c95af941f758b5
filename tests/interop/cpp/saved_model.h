// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

/// Writes the arrays of a round to FOLDER/round-N/NAME.npy; support/rounds.py reads them.
flwrcpp::Status SaveModel(const std::filesystem::path& folder, int server_round,
                          const flwrcpp::ArrayRecord& arrays);
