// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/server_app.h"

#include <memory>
#include <string>

#include "internal/status_macros.h"
#include "server/catch_exceptions.h"

namespace flwrcpp {
namespace {

std::string SubStatus(const Status& status) {
  if (status.ok()) return "completed";
  return status.code() == StatusCode::kCancelled ? "stopped" : "failed";
}

}  // namespace

Status ServerApp::Run(SuperLink& superlink, const RunOptions& options, std::stop_token stop) const {
  FLWRCPP_ASSIGN_OR_RETURN(const std::shared_ptr<Grid> grid, superlink.StartRun(options));
  Context context;
  context.run_id = grid->run_id();
  context.node_id = kSuperLinkNodeId;
  context.run_config = options.run_config;
  context.stop = stop;
  const Status outcome =
      internal::CatchExceptions("the ServerApp", [&] { return main_(*grid, context); });
  const Status finished =
      superlink.FinishRun(context.run_id, SubStatus(outcome), std::string(outcome.message()));
  return outcome.ok() ? finished : outcome;
}

}  // namespace flwrcpp
