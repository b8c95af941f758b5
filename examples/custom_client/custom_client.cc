// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A node with a client of its own. Training moves every float32 number of the model half way
// towards `target`; what a real client does there is up to it.
//
//   custom_client [host:port of a SuperLink without TLS]

#include <csignal>
#include <iostream>
#include <thread>

#include "flwrcpp/client.h"
#include "flwrcpp/node.h"

class HalfWay : public flwrcpp::NumPyClient {
 public:
  explicit HalfWay(float target) : target_(target) {}

  flwrcpp::StatusOr<flwrcpp::FitRes> Fit(const flwrcpp::ArrayRecord& parameters,
                                         const flwrcpp::ConfigRecord& /*config*/) override {
    flwrcpp::FitRes result;
    result.num_examples = 1;  // the weight of this node in the mean
    for (const auto& [name, array] : parameters) {
      auto values = array.ToVector<float>();
      if (!values.ok()) return values.status();
      for (float& value : *values) value += 0.5F * (target_ - value);
      auto trained = flwrcpp::Array::From(*values, array.Header()->shape);
      if (!trained.ok()) return trained.status();
      result.parameters.Set(name, *std::move(trained));
    }
    return result;
  }

 private:
  const float target_;
};

int main(int argc, char** argv) {
  // Ctrl-C asks the node to leave its federation; the SDK itself handles no signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::stop_source stop;
  std::thread([signals, stop]() mutable {
    int number = 0;
    sigwait(&signals, &number);
    stop.request_stop();
  }).detach();

  flwrcpp::NodeOptions options;
  if (argc > 1) options.superlink = argv[1];
  options.insecure = true;
  options.on_connected = [](std::uint64_t node_id, std::string_view wire) {
    std::cout << "node " << node_id << " joined over " << wire << std::endl;
  };
  const flwrcpp::ClientApp app =
      flwrcpp::MakeClientApp([](flwrcpp::Context&) { return std::make_shared<HalfWay>(1.0F); });
  const flwrcpp::Status status = flwrcpp::RunNode(app, options, stop.get_token());
  if (!status.ok()) std::cerr << "error: " << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
