// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Hosts a federation, asks the first node that joins for twice 21 and prints what it says.

#include <flwrcpp/server_app.h>
#include <flwrcpp/superlink.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <vector>

using flwrcpp::ConfigRecord;
using flwrcpp::Message;
using flwrcpp::RecordDict;
using flwrcpp::Status;

Status PrintAnswer(const Message& reply) {
  const ConfigRecord* answer = reply.content().FindConfig("answer");
  if (answer == nullptr) return absl::InternalError("the reply has no answer");
  std::cout << "answer " << answer->GetInt("number").value_or(0) << std::endl;
  return absl::OkStatus();
}

Status Ask(flwrcpp::Grid& grid, flwrcpp::Context& context) {
  std::vector<std::uint64_t> nodes;
  while (nodes.empty()) {
    grid.WaitForNodes(std::chrono::seconds(1));
    auto online = grid.GetNodeIds();
    if (!online.ok()) return online.status();
    nodes = *std::move(online);
  }
  const auto question = std::make_shared<const RecordDict>(
      RecordDict{{"question", ConfigRecord{{"number", std::int64_t{21}}}}});
  return grid.SendAndReceive({Message::Instruction(question, nodes[0], "query")},
                             std::chrono::seconds(60), PrintAnswer, context.stop);
}

int main() {
  flwrcpp::SuperLinkOptions options;
  options.http_port = 0;
  options.insecure = true;
  auto superlink = flwrcpp::SuperLink::Start(options);
  if (!superlink.ok()) {
    std::cerr << superlink.status() << '\n';
    return 1;
  }
  std::cout << "port " << (*superlink)->http_port() << std::endl;
  const Status status = flwrcpp::ServerApp(Ask).Run(**superlink, {}, {});
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
