// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/checkpoint.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "program/files.h"
#include "server_app/npz.h"
#include "server_app/state_file.h"

namespace flwrcpp::server_app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint-";

/// The round of `checkpoint-NNN.npz`, or -1.
int RoundOf(const fs::path& path) {
  const std::string stem = path.stem().string();
  int round = -1;
  if (path.extension() != ".npz" || !stem.starts_with(kPrefix)) return -1;
  const char* const begin = stem.data() + kPrefix.size();
  const char* const end = stem.data() + stem.size();
  const auto [stopped, error] = std::from_chars(begin, end, round);
  return error == std::errc() && stopped == end ? round : -1;
}

fs::path ModelFile(const fs::path& folder, int round) {
  return folder / fmt::format("{}{:03}.npz", kPrefix, round);
}

/// Its name does not begin as the model's, so that who looks for checkpoints finds models only.
fs::path StateFile(const fs::path& folder, int round) {
  return folder / fmt::format("strategy-{:03}.npz", round);
}

}  // namespace

Status SaveCheckpoint(const fs::path& folder, const Checkpoint& checkpoint) {
  const fs::path model = ModelFile(folder, checkpoint.server_round);
  const fs::path state = StateFile(folder, checkpoint.server_round);
  // Those of an earlier run in this folder: its model must not get this run's state or the reverse.
  std::error_code error;
  if (fs::remove(model, error); !error) fs::remove(state, error);
  if (error) return program::CannotWrite(model, error.message());
  if (checkpoint.state.has_value()) {
    if (Status status = SaveState(state, *checkpoint.state); !status.ok()) return status;
  }
  return SaveNpz(model, {checkpoint.arrays, ""});
}

StatusOr<Checkpoint> LoadLatestCheckpoint(const fs::path& folder) {
  Checkpoint latest;
  latest.server_round = -1;
  fs::path file;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (const int round = RoundOf(entry.path()); round > latest.server_round) {
      latest.server_round = round;
      file = entry.path();
    }
  }
  if (latest.server_round < 0) {
    return Status(StatusCode::kNotFound,
                  fmt::format("{} has no checkpoint-NNN.npz to go on from", folder.string()));
  }
  StatusOr<Npz> model = LoadNpz(file);
  if (!model.ok()) return model.status();
  if (model->arrays.empty()) return Damaged(file, "it has no arrays");
  latest.arrays = std::move(model->arrays);
  StatusOr<StrategyState> state = LoadState(StateFile(folder, latest.server_round));
  if (state.ok()) {
    latest.state = *std::move(state);
  } else if (state.status().code() != StatusCode::kNotFound) {
    return state.status();
  }
  return latest;
}

}  // namespace flwrcpp::server_app
