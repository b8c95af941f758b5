// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/program.h"
#include "server_app/federation.h"
#include "server_app/options.h"

int main(int argc, char** argv) {
  using namespace flwrcpp;
  server_app::Options options;
  int exit_code = program::kSuccess;
  if (!server_app::ParseCommandLine(argc, argv, options, exit_code)) return exit_code;
  const program::SignalStop stop;
  const program::ParentWatch parent(options.remote.parent_pid);
  Status status = program::StartLog(options.log);
  if (status.ok()) status = server_app::RunFederation(options, stop.token());
  return status.ok() ? program::kSuccess : program::ReportError(status);
}
