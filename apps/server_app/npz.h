// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::server_app {

/// What an `.npz` file holds.
struct Npz {
  ArrayRecord arrays;
  /// A text beside the arrays, as the entry `description.json`; empty: none.
  std::string description;
};

/// Writes an `.npz` that NumPy loads (`np.load`), one `NAME.npy` an array. The file is there whole
/// or not at all (`program::ReplaceFile`).
/// @return `kUnavailable` naming the file that cannot be written.
Status SaveNpz(const std::filesystem::path& path, const Npz& content);

/// Reads what `SaveNpz` or NumPy's `savez` wrote.
/// @return `kNotFound`, or `kDataLoss` naming the file and what is wrong with it.
StatusOr<Npz> LoadNpz(const std::filesystem::path& path);

/// What is said of a file whose content is not what it should be.
Status Damaged(const std::filesystem::path& path, const std::string& why);

}  // namespace flwrcpp::server_app
