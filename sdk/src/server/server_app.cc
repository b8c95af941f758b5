// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/server_app.h"

#include <memory>
#include <string>

#include "internal/catch_exceptions.h"
#include "internal/status_macros.h"
#include "server/remote/remote_run.h"

namespace flwrcpp {
Status ServerApp::Run(SuperLink& superlink, const RunOptions& options, std::stop_token stop) const {
  FLWRCPP_ASSIGN_OR_RETURN(const std::shared_ptr<Grid> grid, superlink.StartRun(options));
  Context context;
  context.run_id = grid->run_id();
  context.node_id = kSuperLinkNodeId;
  context.run_config = options.run_config;
  context.stop = stop;
  const Status outcome =
      internal::CatchExceptions("the ServerApp", [&] { return main_(*grid, context); });
  const Status finished = superlink.FinishRun(context.run_id, internal::SubStatusOf(outcome),
                                              std::string(outcome.message()));
  return outcome.ok() ? finished : outcome;
}

Status ServerApp::Run(const RemoteSuperLink& superlink, const RunOptions& options,
                      std::stop_token stop) const {
  return internal::SubmitAndWork(main_, superlink, options, std::move(stop));
}

Status ServerApp::RunTask(const RemoteSuperLink& superlink, const TaskOptions& task,
                          std::stop_token stop) const {
  return internal::WorkOnTask(main_, superlink, task, std::move(stop));
}

Status ServerApp::Serve(const RemoteSuperLink& superlink, std::stop_token stop) const {
  return internal::ClaimAndWork(main_, superlink, std::move(stop));
}

}  // namespace flwrcpp
