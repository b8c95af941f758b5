// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "internal/status_macros.h"
#include "superlink/state/sqlite_link_state.h"
#include "superlink/state/sqlite_object_store.h"
#include "superlink/state/sqlite_run_archive.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {
namespace {

/// Finishing a run and clearing it are two steps; a crash may have come between them.
Status ClearFinishedRuns(SqliteStateFile& file, const State& state) {
  std::vector<std::uint64_t> finished;
  {
    SqliteQuery row = file.database->Query(
        "SELECT run_id FROM run WHERE finished_at > 0 AND "
        "(EXISTS (SELECT 1 FROM message m WHERE m.run_id = run.run_id) OR "
        "EXISTS (SELECT 1 FROM run_object o WHERE o.run_id = run.run_id))");
    while (row.Next()) finished.push_back(row.Id(0));
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  for (const std::uint64_t run_id : finished) {
    FLWRCPP_RETURN_IF_ERROR(state.link_state->ClearRun(run_id));
    FLWRCPP_RETURN_IF_ERROR(state.object_store->ClearRun(run_id));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<State> OpenSqliteState(const std::string& path) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::shared_ptr<SqliteStateFile> file, OpenStateFile(path));
  State state{std::make_shared<SqliteLinkState>(file), std::make_shared<SqliteObjectStore>(file),
              std::make_shared<SqliteRunArchive>(file)};
  FLWRCPP_RETURN_IF_ERROR(ClearFinishedRuns(*file, state));
  return state;
}

}  // namespace flwrcpp::internal
