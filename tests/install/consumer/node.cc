// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A node that answers a number with twice that number, until it is killed: `node PORT`.

#include <flwrcpp/client_app.h>
#include <flwrcpp/node.h>

#include <iostream>
#include <string>

flwrcpp::StatusOr<flwrcpp::Message> Double(const flwrcpp::Message& message, flwrcpp::Context&) {
  const flwrcpp::ConfigRecord* question = message.content().FindConfig("question");
  if (question == nullptr) return absl::InvalidArgumentError("no question");
  const flwrcpp::StatusOr<std::int64_t> number = question->GetInt("number");
  if (!number.ok()) return number.status();
  return flwrcpp::Message::ReplyTo(message,
                                   {{"answer", flwrcpp::ConfigRecord{{"number", 2 * *number}}}});
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  flwrcpp::ClientApp app;
  app.Query(Double);
  flwrcpp::NodeOptions options;
  options.superlink = std::string("127.0.0.1:") + argv[1];
  options.insecure = true;
  const flwrcpp::Status status = flwrcpp::RunNode(app, options, {});
  std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
