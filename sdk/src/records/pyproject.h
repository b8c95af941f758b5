// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// What an app's `pyproject.toml` says of it.
struct FabInfo {
  std::string publisher;
  std::string name;
  std::string version;
  UserConfig config;  ///< Defaults of the run config; nested tables are flattened with dots.
  bool has_agentapp = false;
  std::string serverapp;  ///< `module:attribute`; may be empty only if there is an AgentApp.
  std::string clientapp;  ///< Likewise.
  /// Whether its apps are C++ programs (`[tool.flwrcpp]`), so that the above only fill a place.
  bool has_cpp_serverapp = false;
  bool has_cpp_clientapp = false;

  /// `publisher/name`.
  std::string fab_id() const { return publisher + "/" + name; }
};

/// Reads a `pyproject.toml` and checks all that Flower asks of an app's.
/// @return `kInvalidArgument` naming the first thing that is missing or wrong.
StatusOr<FabInfo> ReadAppInfo(std::string_view pyproject);

/// Reads only the app's config, the table `[tool.flwr.app.config]`.
/// @return `kInvalidArgument` for what is no TOML, or values that are no scalars.
StatusOr<UserConfig> ReadAppConfig(std::string_view pyproject);

}  // namespace flwrcpp::internal
