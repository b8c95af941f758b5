// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "flwrcpp/status.h"
#include "program/log.h"

namespace CLI {
class App;
}

namespace flwrcpp::program {

/// For `CLI::Option::check`: what is wrong with a text that is to be a number above 0, or of at
/// least 0; nothing if it is one.
std::string CheckAboveZero(const std::string& text);
std::string CheckNotNegative(const std::string& text);

/// Reads the command line of a program that has added its own flags to `cli`; adds those that all
/// our programs have (`--version`, `--check`, `--log-level`, `--log-file`, …) and prints help,
/// version or what is wrong.
/// @param complete checks flags against each other and reads the files they name.
/// @return true to go on; else the program ends with `exit_code`.
bool ParseCommandLine(CLI::App& cli, const std::string& name, int argc, char** argv,
                      LogOptions& log, const std::function<Status()>& complete, int& exit_code);

}  // namespace flwrcpp::program
