// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "client_app/flower_client.h"
#include "client_app/options.h"
#include "flwrcpp/node.h"
#include "program/program.h"
#include "task/data.h"
#include "task/model.h"

namespace flwrcpp::client_app {
namespace {

Status Run(Options& options, std::stop_token stop) {
  if (Status status = task::SetThreads(options.threads); !status.ok()) return status;
  StatusOr<std::string> device = task::ChooseDevice(options.device);
  if (!device.ok()) return device.status();
  StatusOr<datasets::PartitionData> data = task::LoadTaskData(options.data);
  if (!data.ok()) return data.status();
  StatusOr<task::Model> model = task::Model::Make(data->train.format, options.data.partitions.seed);
  if (!model.ok()) return model.status();

  auto local =
      std::make_shared<LocalTask>(LocalTask{*std::move(data), *std::move(model), *std::move(device),
                                            options.shuffle, options.data.partitions.seed});
  options.node.on_connected = [&](std::uint64_t node_id, std::string_view wire) {
    program::Say(fmt::format("Node {} connected to {} ({})", node_id, options.node.superlink,
                             std::string(wire)));
  };
  return RunNode(MakeFlowerClientApp(std::move(local)), options.node, stop);
}

}  // namespace
}  // namespace flwrcpp::client_app

int main(int argc, char** argv) {
  using namespace flwrcpp;
  client_app::Options options;
  int exit_code = program::kSuccess;
  if (!client_app::ParseCommandLine(argc, argv, options, exit_code)) return exit_code;
  const program::SignalStop stop;
  Status status = program::StartLog(options.log);
  if (status.ok()) status = client_app::Run(options, stop.token());
  return status.ok() ? program::kSuccess : program::ReportError(status);
}
