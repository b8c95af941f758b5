// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/beginning.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <utility>

namespace flwrcpp::server_app {
namespace {

/// Lets the strategy go on from a checkpoint's state and lets go of that.
Status RestoreState(const Options& options, Checkpoint& checkpoint, Strategy& strategy) {
  if (!checkpoint.state.has_value()) return absl::OkStatus();
  const std::string& saved = checkpoint.state->strategy;
  const std::string wanted = options.strategy.FullName();
  if (saved != wanted) {
    return Status(
        StatusCode::kInvalidArgument,
        fmt::format("the checkpoint of round {} in {} is of the strategy {}, expected {}: "
                    "go on with the same --strategy and --dp",
                    checkpoint.server_round, options.resume, saved, wanted));
  }
  const Status status = strategy.RestoreState(checkpoint.state->records);
  checkpoint.state->records.clear();
  if (status.ok()) return status;
  return Status(status.code(), fmt::format("the checkpoint of round {} in {} does not fit {}: {}",
                                           checkpoint.server_round, options.resume, wanted,
                                           std::string(status.message())));
}

/// Reads the earlier run's checkpoint and the figures up to it.
Status LoadEarlierRun(const Options& options, Beginning& beginning) {
  StatusOr<Checkpoint> checkpoint = LoadLatestCheckpoint(options.resume);
  if (!checkpoint.ok()) return checkpoint.status();
  if (checkpoint->server_round >= options.rounds) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("the checkpoint in {} is of round {}: --rounds {} leaves nothing "
                              "to do, expected more",
                              options.resume, checkpoint->server_round, options.rounds));
  }
  if (Status status = RestoreState(options, *checkpoint, *beginning.strategy); !status.ok()) {
    return status;
  }
  StatusOr<History> history = LoadHistory(std::filesystem::path(options.resume) / "metrics.json");
  if (!history.ok()) return history.status();
  std::erase_if(history->rounds, [&](const RoundFigures& figures) {
    return figures.server_round > checkpoint->server_round;
  });
  beginning.history.rounds = std::move(history->rounds);
  beginning.checkpoint = *std::move(checkpoint);
  return absl::OkStatus();
}

}  // namespace

StatusOr<Beginning> LoadBeginning(const Options& options) {
  Beginning beginning;
  StatusOr<std::unique_ptr<Strategy>> strategy = options.strategy.Make();
  if (!strategy.ok()) return strategy.status();
  beginning.strategy = *std::move(strategy);
  if (!options.resume.empty()) {
    if (Status status = LoadEarlierRun(options, beginning); !status.ok()) return status;
  }
  beginning.history.settings = DescribeSettings(options, *beginning.strategy);
  return beginning;
}

}  // namespace flwrcpp::server_app
