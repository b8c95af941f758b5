// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "client_app/mods.h"

#include <fmt/format.h>

#include <sstream>
#include <utility>

#include "flwrcpp/mod/differential_privacy.h"
#include "flwrcpp/mod/message_size.h"
#include "flwrcpp/mod/secagg.h"
#include "program/settings.h"

namespace flwrcpp::client_app {
namespace {

StatusOr<Mod> MakeLocalDp(const UserConfig& config) {
  LocalDpOptions options;
  program::Settings settings("local-dp-config", config);
  settings.Get("clipping-norm", options.clipping_norm);
  settings.Get("sensitivity", options.sensitivity);
  settings.Get("epsilon", options.epsilon);
  settings.Get("delta", options.delta);
  if (Status status = settings.Check(); !status.ok()) return status;
  return LocalDpMod(options);
}

StatusOr<Mod> MakeMod(const std::string& name, const UserConfig& local_dp) {
  if (name == "fixedclipping") return FixedClippingMod();
  if (name == "adaptiveclipping") return AdaptiveClippingMod();
  if (name == "localdp") return MakeLocalDp(local_dp);
  if (name == "secagg") return SecAggMod();
  if (name == "secaggplus") return SecAggPlusMod();
  if (name == "message-size") return MessageSizeMod();
  if (name == "arrays-size") return ArraysSizeMod();
  return Status(StatusCode::kInvalidArgument,
                fmt::format("unknown mod '{}', expected {}", name, fmt::join(ModNames(), ", ")));
}

}  // namespace

std::vector<std::string> ModNames() {
  return {"fixedclipping", "adaptiveclipping", "localdp",    "secagg",
          "secaggplus",    "message-size",     "arrays-size"};
}

StatusOr<std::vector<Mod>> MakeMods(const std::string& names, const UserConfig& local_dp) {
  std::vector<Mod> mods;
  bool has_local_dp = false;
  std::istringstream list(names);
  for (std::string name; std::getline(list, name, ',');) {
    StatusOr<Mod> mod = MakeMod(name, local_dp);
    if (!mod.ok()) return mod.status();
    mods.push_back(*std::move(mod));
    has_local_dp = has_local_dp || name == "localdp";
  }
  if (!local_dp.empty() && !has_local_dp) {
    return Status(StatusCode::kInvalidArgument, "local-dp-config is given without the mod localdp");
  }
  return mods;
}

}  // namespace flwrcpp::client_app
