// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "flwrcpp/client_app.h"
#include "flwrcpp/node.h"
#include "program/log.h"
#include "program/task_flags.h"
#include "task/data.h"

namespace flwrcpp::client_app {

/// The command line of `client_app`.
struct Options {
  NodeOptions node;
  task::TaskDataOptions data;
  std::string device = "auto";
  int threads = 1;
  bool shuffle = true;
  std::vector<Mod> mods;
  program::TaskFlags task;
  program::LogOptions log;
};

/// Reads the command line; prints help, version or what is wrong.
/// @return true to go on; else the program ends with `exit_code`.
bool ParseCommandLine(int argc, char** argv, Options& options, int& exit_code);

/// Takes `partition-id` (0) and `num-partitions` (1) from a node's config.
/// @return `kInvalidArgument` for values that are no such numbers.
Status TakePartition(const UserConfig& node_config, task::TaskDataOptions& data);

}  // namespace flwrcpp::client_app
