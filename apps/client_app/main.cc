// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "client_app/flower_client.h"
#include "client_app/options.h"
#include "flwrcpp/client_task.h"
#include "flwrcpp/node.h"
#include "program/program.h"
#include "task/data.h"
#include "task/model.h"

namespace flwrcpp::client_app {
namespace {

/// Reads the partition and makes the network.
StatusOr<ClientApp> MakeApp(const Options& options, const std::string& device,
                            const task::TaskDataOptions& data_options) {
  StatusOr<task::TaskData> data = task::LoadTaskData(data_options);
  if (!data.ok()) return data.status();
  const std::uint64_t seed = data_options.partitions.seed;
  StatusOr<task::Model> model = task::Model::Make(data->train.format, seed);
  if (!model.ok()) return model.status();
  ClientApp app = MakeFlowerClientApp(std::make_shared<LocalTask>(
      LocalTask{*std::move(data), *std::move(model), device, options.shuffle, seed}));
  for (const Mod& mod : options.mods) app.Use(mod);
  return app;
}

/// The app of a process whose partition is known only from its message's context.
ClientApp MakeLateApp(const Options& options, const std::string& device) {
  const MessageHandler handler = [&options, device](const Message& message,
                                                    Context& context) -> StatusOr<Message> {
    task::TaskDataOptions data = options.data;
    if (Status status = TakePartition(context.node_config, data); !status.ok()) return status;
    const StatusOr<ClientApp> app = MakeApp(options, device, data);
    if (!app.ok()) return app.status();
    return app->Handle(message, context);
  };
  ClientApp app;
  app.Train(handler).Evaluate(handler).Query(handler);
  app.Classic("get_parameters", handler).Classic("get_properties", handler);
  return app;
}

Status Run(Options& options, std::stop_token stop) {
  if (Status status = task::SetThreads(options.threads); !status.ok()) return status;
  const StatusOr<std::string> device = task::ChooseDevice(options.device);
  if (!device.ok()) return device.status();
  if (options.task.given()) {
    return RunClientTask(MakeLateApp(options, *device), options.node, options.task.task(), stop);
  }
  const StatusOr<ClientApp> app = MakeApp(options, *device, options.data);
  if (!app.ok()) return app.status();
  options.node.on_connected = [&](std::uint64_t node_id, std::string_view wire) {
    program::Say(fmt::format("Node {} connected to {} ({})", node_id, options.node.superlink,
                             std::string(wire)));
  };
  return RunNode(*app, options.node, stop);
}

}  // namespace
}  // namespace flwrcpp::client_app

int main(int argc, char** argv) {
  using namespace flwrcpp;
  client_app::Options options;
  int exit_code = program::kSuccess;
  if (!client_app::ParseCommandLine(argc, argv, options, exit_code)) return exit_code;
  const program::SignalStop stop;
  const program::ParentWatch parent(options.task.parent_pid());
  Status status = program::StartLog(options.log);
  if (status.ok()) status = client_app::Run(options, stop.token());
  return status.ok() ? program::kSuccess : program::ReportError(status);
}
