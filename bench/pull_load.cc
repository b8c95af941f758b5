// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// How many signed PullMessages requests a SuperLink answers in a second, over HTTP. Each request
// carries a signature of its own, made before the clock runs.
//
//   pull_load HOST:PORT [--connections 8] [--seconds 5]
//
// Prints one number: answers per second. The SuperLink must not park pulls (server_app
// --pull-wait 0); stock never does.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "crypto/ec_key.h"
#include "crypto/node_auth.h"
#include "fleet/fleet_connection.h"
#include "fleet/fleet_method.h"
#include "fleet/fleet_transport.h"
#include "flwr/proto/fleet.pb.h"
#include "rpc/clock.h"

namespace {

using namespace flwrcpp;
using namespace flwrcpp::internal;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kMaxResponse = std::size_t{1} << 20;

int Fail(const Status& status) {
  fmt::print(stderr, "error: {}\n", std::string(status.message()));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  TransportOptions options;
  options.insecure = true;
  options.max_response_bytes = kMaxResponse;
  int connections = 8;
  double seconds = 5;
  std::size_t signatures = 20000;
  CLI::App cli("Measures how many signed PullMessages requests a SuperLink answers");
  cli.add_option("superlink", options.address, "host:port")->required();
  cli.add_option("--connections", connections)->check(CLI::Range(1, 1000));
  cli.add_option("--seconds", seconds)->check(CLI::Range(0.1, 60.0));
  cli.add_option("--signatures", signatures)->check(CLI::Range(1, 1000000));
  CLI11_PARSE(cli, argc, argv);

  const EcPrivateKey key = EcPrivateKey::Generate();
  FleetConnection::Options connection_options;
  connection_options.max_object_bytes = kMaxResponse;
  FleetConnection connection(MakeHttpTransport(options), key, connection_options, Clock::System());
  if (const auto node = connection.RegisterNode({}); !node.ok()) return Fail(node.status());
  const auto node_id = connection.ActivateNode(60, {});
  if (!node_id.ok()) return Fail(node_id.status());
  connection.UseNodeId(*node_id);

  flwr::proto::PullMessagesRequest request;
  request.mutable_node()->set_node_id(*node_id);
  const Bytes body(request.SerializeAsString());
  std::vector<NodeCredentials> credentials;
  for (std::size_t i = 0; i < signatures; ++i) credentials.push_back(SignNow(key, UnixSeconds()));

  const std::unique_ptr<FleetTransport> transport = MakeHttpTransport(options);
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> answered{0};
  std::atomic<bool> failed{false};
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline = begin + Seconds(seconds);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < connections; ++i) {
      threads.emplace_back([&] {
        while (!failed && std::chrono::steady_clock::now() < deadline) {
          const std::size_t turn = next++;
          if (turn >= credentials.size()) return;
          const auto response = transport->Call(
              {fleet_method::kPullMessages, std::span(&body, 1), credentials[turn], kMaxResponse},
              {});
          if (!response.ok()) {
            if (!failed.exchange(true)) Fail(response.status());
            return;
          }
          ++answered;
        }
      });
    }
  }
  const double elapsed = Seconds(std::chrono::steady_clock::now() - begin).count();
  if (failed) return 1;
  fmt::print("{:.0f}\n", static_cast<double>(answered) / elapsed);
  const Status left = connection.DeactivateNode({});
  return left.ok() && connection.UnregisterNode({}).ok() ? 0 : 1;
}
