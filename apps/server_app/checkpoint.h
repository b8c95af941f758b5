// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::server_app {

/// What a strategy carries from round to round (`Strategy::State`).
struct StrategyState {
  std::string strategy;  ///< Its name.
  RecordDict records;
};

/// A run between two rounds.
struct Checkpoint {
  int server_round = 0;
  ArrayRecord arrays;  ///< The global model.
  /// Absent in checkpoints from before strategies had a state.
  std::optional<StrategyState> state;
};

/// Writes `checkpoint-NNN.npz`, the model as NumPy loads it, and before it, if there is a state,
/// `strategy-NNN.npz`: the arrays as `RECORD/KEY`, and `description.json` with the
/// strategy's name and all other records. Each file is there whole or not at all, and a model
/// never beside the state of another checkpoint.
/// @return `kUnavailable` naming the file that cannot be written.
Status SaveCheckpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// The checkpoint of the latest round in `folder`.
/// @return `kNotFound` if there is none, `kDataLoss` naming the file and what is wrong with it.
StatusOr<Checkpoint> LoadLatestCheckpoint(const std::filesystem::path& folder);

}  // namespace flwrcpp::server_app
