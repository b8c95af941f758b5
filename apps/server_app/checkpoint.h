// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::server_app {

/// Writes arrays as an `.npz` that NumPy loads (`np.load`), one `NAME.npy` an array. The file is
/// there whole or not at all (`program::ReplaceFile`).
/// @return `kUnavailable` naming the file that cannot be written.
Status SaveNpz(const std::filesystem::path& path, const ArrayRecord& arrays);

/// Reads what `SaveNpz` or NumPy's `savez` wrote.
/// @return `kNotFound`, or `kDataLoss` naming the file and what is wrong with it.
StatusOr<ArrayRecord> LoadNpz(const std::filesystem::path& path);

/// A global model between two rounds.
struct Checkpoint {
  int server_round = 0;
  ArrayRecord arrays;
};

/// `checkpoint-NNN.npz` in `folder`.
Status SaveCheckpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// The checkpoint of the latest round in `folder`.
/// @return `kNotFound` if there is none, errors of `LoadNpz`.
StatusOr<Checkpoint> LoadLatestCheckpoint(const std::filesystem::path& folder);

}  // namespace flwrcpp::server_app
