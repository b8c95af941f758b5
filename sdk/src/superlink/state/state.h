// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include "superlink/state/link_state.h"
#include "superlink/state/object_store.h"
#include "superlink/state/run_archive.h"

namespace flwrcpp::internal {

/// All that a SuperLink remembers.
struct State {
  std::shared_ptr<LinkState> link_state;
  std::shared_ptr<ObjectStore> object_store;
  std::shared_ptr<RunArchive> run_archive;
};

State MakeMemoryState();

/// State in an SQLite file that is made if it does not exist. What is there after a crash is
/// consistent: messages whose trees had not been registered are removed, and what finished runs
/// left behind.
///
/// @return `kUnavailable` if the file cannot be opened or another program holds it;
///   `kFailedPrecondition` if it is a database of something else or of a newer version;
///   `kDataLoss` if it is damaged.
StatusOr<State> OpenSqliteState(const std::string& path);

}  // namespace flwrcpp::internal
