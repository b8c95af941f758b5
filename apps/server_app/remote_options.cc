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
  cli.add_option("--runtime-api-address", runtime_address_,
                 "host:port of the SuperLink that has the run of --token; so flower-superexec "
                 "starts\nflwr-serverapp")
      ->group(kGroup);
  cli.add_option("--token", token_, "Token of the run that an executor claimed")->group(kGroup);
  cli.add_option("--root-certificates", root_certificates_,
                 "PEM file of the CAs to trust (default: the system's)")
      ->group(kGroup);
  cli.add_option("--superexec-auth-secret-file", secret_file_,
                 "File of the secret that the SuperLink shares with its executors")
      ->group(kGroup);
  cli.add_option("--federation", federation,
                 "Federation of the submitted run, @account/name (default: the account's)")
      ->group(kGroup);
  cli.add_option("--parent-pid", parent_pid_, "Process whose end ends this one")
      ->check(CLI::PositiveNumber)
      ->group(kGroup);
  cli.add_flag("--allow-runtime-dependency-installation", install_,
               "For Python ServerApps; here without effect")
      ->group(kGroup);
}

StatusOr<RemoteOptions> RemoteFlags::Complete(bool insecure) const {
  RemoteOptions options;
  const int ways = int{!submit_address_.empty()} + int{!executor_address_.empty()} +
                   int{!runtime_address_.empty()};
  if (ways > 1) {
    return Status(StatusCode::kInvalidArgument,
                  "give at most one of --superlink, --executor and --runtime-api-address");
  }
  if (runtime_address_.empty() != token_.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "--runtime-api-address and --token belong together");
  }
  if (!submit_address_.empty()) {
    options.way = RemoteOptions::Way::kSubmit;
  } else if (!executor_address_.empty()) {
    options.way = RemoteOptions::Way::kServe;
  } else if (!runtime_address_.empty()) {
    options.way = RemoteOptions::Way::kTask;
  }
  options.superlink.address = submit_address_ + executor_address_ + runtime_address_;
  options.superlink.insecure = insecure;
  options.token = token_;
  options.parent_pid = parent_pid_;
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
