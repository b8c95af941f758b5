// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/remote_options.h"

#include <CLI/CLI.hpp>

#include "program/files.h"

namespace flwrcpp::server_app {

void RemoteFlags::AddTo(CLI::App& cli) {
  constexpr char kGroup[] = "A SuperLink elsewhere, Flower's (>= 1.40) or ours";
  cli.add_option("--superlink", submit_address_,
                 "host:port of a SuperLink to submit this run to, instead of hosting one")
      ->group(kGroup);
  cli.add_option("--executor", executor_address_,
                 "host:port of a SuperLink whose runs (flwr run) this program is to execute, one\n"
                 "after the other, until Ctrl-C")
      ->group(kGroup);
  cli.add_option("--root-certificates", root_certificates_,
                 "PEM file of the CAs to trust (default: the system's)")
      ->group(kGroup);
  cli.add_option("--superexec-auth-secret-file", secret_file_,
                 "File of the secret that the SuperLink shares with its executors")
      ->group(kGroup);
  cli.add_option("--federation", federation,
                 "Federation of the submitted run, @account/name (default: the account's)")
      ->group(kGroup);
  task_.AddTo(cli, "flwr-serverapp");
}

StatusOr<RemoteOptions> RemoteFlags::Complete(bool insecure) const {
  RemoteOptions options;
  const int ways =
      int{!submit_address_.empty()} + int{!executor_address_.empty()} + int{task_.given()};
  if (ways > 1) {
    return Status(StatusCode::kInvalidArgument,
                  "give at most one of --superlink, --executor and --runtime-api-address");
  }
  if (Status status = task_.Check(); !status.ok()) return status;
  if (!submit_address_.empty()) {
    options.way = RemoteOptions::Way::kSubmit;
  } else if (!executor_address_.empty()) {
    options.way = RemoteOptions::Way::kServe;
  } else if (task_.given()) {
    options.way = RemoteOptions::Way::kTask;
  }
  options.superlink.address = submit_address_ + executor_address_ + task_.address();
  options.superlink.insecure = insecure;
  options.task = task_.task();
  options.parent_pid = task_.parent_pid();
  if (!root_certificates_.empty()) {
    StatusOr<std::string> text = program::ReadTextFile(root_certificates_);
    if (!text.ok()) return text.status();
    options.superlink.root_certificates = *std::move(text);
  }
  if (!secret_file_.empty()) {
    StatusOr<std::string> secret = program::ReadTextFile(secret_file_);
    if (!secret.ok()) return secret.status();
    options.superlink.superexec_auth_secret = *std::move(secret);
  }
  return options;
}

}  // namespace flwrcpp::server_app
