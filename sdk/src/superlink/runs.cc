// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/runs.h"

#include <utility>
#include <vector>

#include "internal/log.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {

Runs::Runs(State state, Notifier& notifier, std::function<double()> clock)
    : state_(std::move(state)), notifier_(notifier), clock_(std::move(clock)) {}

StatusOr<RunInfo> Runs::Create(const NewRun& run) {
  FLWRCPP_ASSIGN_OR_RETURN(RunInfo info, state_.link_state->CreateRun(run, clock_()));
  internal::Log(LogLevel::kInfo, "run {} is pending", info.run_id);
  notifier_.Notify({Topic::kPendingRuns, 0});
  return info;
}

Status Runs::Finish(std::uint64_t run_id, const std::string& sub_status,
                    const std::string& details) {
  FLWRCPP_RETURN_IF_ERROR(state_.link_state->FinishRun(run_id, sub_status, details, clock_()));
  internal::Log(LogLevel::kInfo, "run {} finished: {}{}{}", run_id, sub_status,
                details.empty() ? "" : ", ", details);
  return Clear(run_id);
}

Status Runs::ExpireClaims() {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> failed,
                           state_.link_state->ExpireClaims(clock_()));
  for (const std::uint64_t run_id : failed) {
    internal::Log(LogLevel::kWarning, "run {} failed: its process is not heard of any more",
                  run_id);
    FLWRCPP_RETURN_IF_ERROR(Clear(run_id));
  }
  return absl::OkStatus();
}

Status Runs::Log(std::uint64_t run_id, const std::string& text) {
  FLWRCPP_RETURN_IF_ERROR(state_.run_archive->AppendLog(run_id, text, clock_()));
  notifier_.Notify({Topic::kLogs, run_id});
  return absl::OkStatus();
}

Status Runs::Clear(std::uint64_t run_id) {
  const Status messages = state_.link_state->ClearRun(run_id);
  const Status objects = state_.object_store->ClearRun(run_id);
  notifier_.Notify({Topic::kReplies, run_id});
  notifier_.Notify({Topic::kLogs, run_id});
  FLWRCPP_RETURN_IF_ERROR(messages);
  return objects;
}

}  // namespace flwrcpp::internal
