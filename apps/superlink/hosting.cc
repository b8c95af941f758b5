// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/hosting.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <utility>

#include "program/files.h"
#include "program/program.h"

namespace flwrcpp::hosting {
namespace {

Status RegisterNodes(const std::vector<std::string>& files, SuperLink& superlink) {
  for (const std::string& file : files) {
    const StatusOr<std::string> key = program::ReadTextFile(file);
    if (!key.ok()) return key.status();
    const StatusOr<std::uint64_t> node = superlink.RegisterNode(*key);
    // Known from an earlier start on the same database.
    if (!node.ok() && node.status().code() != StatusCode::kAlreadyExists) {
      return Status(node.status().code(),
                    fmt::format("{}: {}", file, std::string(node.status().message())));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void HostingOptions::AddTo(CLI::App& cli) {
  constexpr char kGroup[] = "Federation";
  cli.add_option("--host", superlink_.host, "Address to listen on")
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--port", port_, "Port of the HTTP Fleet API; 0: any free one")
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--grpc-port", superlink_.grpc_port,
                 "Port of the gRPC Fleet API for nodes before Flower 1.40; 0: any (default: off)")
      ->group(kGroup);
  cli.add_option("--classic-port", superlink_.classic_port,
                 "Port for classic nodes (start_client); 0: any (default: off)")
      ->group(kGroup);
  cli.add_flag("--insecure", superlink_.insecure, "Plain text instead of TLS")->group(kGroup);
  cli.add_option("--ssl-certfile", certificate_file_, "PEM file of the certificate chain")
      ->group(kGroup);
  cli.add_option("--ssl-keyfile", key_file_, "PEM file of its private key")->group(kGroup);
  cli.add_option("--database", superlink_.database,
                 "SQLite file for the state of the federation (default: in memory)")
      ->group(kGroup);
  cli.add_flag("--enable-supernode-auth", superlink_.enable_supernode_auth,
               "Only nodes whose key is given by --register-supernode may join")
      ->group(kGroup);
  cli.add_option("--register-supernode", node_keys_,
                 "Public key file (PEM or OpenSSH) of a node that may join; may be repeated")
      ->group(kGroup);
  cli.add_option("--pull-wait", pull_wait_,
                 "Seconds that a node's pull may wait for a message; 0: answer at once, as stock")
      ->check(CLI::Range(0.0, 28.0))
      ->capture_default_str()
      ->group(kGroup);
  cli.add_option("--ready-file", ready_file_,
                 "File that gets host:port of the HTTP Fleet API once it listens, for scripts")
      ->group(kGroup);
}

Status HostingOptions::Complete() {
  superlink_.http_port = port_;
  superlink_.pull_wait = std::chrono::duration<double>(pull_wait_);
  if (superlink_.insecure == !certificate_file_.empty() ||
      certificate_file_.empty() != key_file_.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "give either --insecure, or both --ssl-certfile and --ssl-keyfile");
  }
  if (certificate_file_.empty()) return absl::OkStatus();
  const StatusOr<std::string> certificate = program::ReadTextFile(certificate_file_);
  if (!certificate.ok()) return certificate.status();
  const StatusOr<std::string> key = program::ReadTextFile(key_file_);
  if (!key.ok()) return key.status();
  superlink_.ssl_certificate = *certificate;
  superlink_.ssl_private_key = *key;
  return absl::OkStatus();
}

StatusOr<std::unique_ptr<SuperLink>> HostingOptions::Start() const {
  StatusOr<std::unique_ptr<SuperLink>> superlink = SuperLink::Start(superlink_);
  if (!superlink.ok()) return superlink.status();
  if (Status status = RegisterNodes(node_keys_, **superlink); !status.ok()) return status;

  const std::string& host = superlink_.host;
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const std::string http = fmt::format("{}:{}", shown, (*superlink)->http_port());
  program::Say("Fleet API (http) listening on " + http);
  if (superlink_.grpc_port) {
    program::Say(
        fmt::format("Fleet API (grpc) listening on {}:{}", shown, (*superlink)->grpc_port()));
  }
  if (superlink_.classic_port) {
    program::Say(
        fmt::format("Fleet API (classic) listening on {}:{}", shown, (*superlink)->classic_port()));
  }
  if (!ready_file_.empty()) {
    if (Status status = program::SaveText(ready_file_, http + "\n"); !status.ok()) return status;
  }
  return superlink;
}

}  // namespace flwrcpp::hosting
