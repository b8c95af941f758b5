// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/state/memory_link_state.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {

bool MemoryLinkState::IsUnfinishedLocked(std::uint64_t run_id) const {
  const auto run = runs_.find(run_id);
  return run != runs_.end() && run->second.status() != RunStatus::kFinished;
}

StatusOr<RunInfo> MemoryLinkState::CreateRun(const NewRun& run, double now) {
  RunInfo info;
  static_cast<NewRun&>(info) = run;
  if (info.series_id == 0) info.series_id = RandomId();
  info.primary_task_id = RandomId();
  info.pending_at = now;
  const std::lock_guard lock(mutex_);
  do {
    info.run_id = RandomId();
  } while (runs_.contains(info.run_id));
  runs_.emplace(info.run_id, info);
  run_order_.push_back(info.run_id);
  return info;
}

StatusOr<RunInfo> MemoryLinkState::GetRun(std::uint64_t run_id) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(run_id);
  if (run == runs_.end()) return UnknownRun(run_id);
  return run->second;
}

StatusOr<RunStatus> MemoryLinkState::GetRunStatus(std::uint64_t run_id) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(run_id);
  if (run == runs_.end()) return UnknownRun(run_id);
  return run->second.status();
}

StatusOr<std::vector<RunInfo>> MemoryLinkState::ListRuns(const RunFilter& filter) {
  std::vector<RunInfo> list;
  std::uint64_t skip = filter.skip;
  const std::lock_guard lock(mutex_);
  for (auto run_id = run_order_.rbegin(); run_id != run_order_.rend(); ++run_id) {
    const RunInfo& run = runs_.at(*run_id);
    if (filter.account_id.has_value() && *filter.account_id != run.account_id) continue;
    if (filter.unfinished_only && run.status() == RunStatus::kFinished) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    if (filter.limit.has_value() && list.size() >= *filter.limit) break;
    list.push_back(run);
  }
  return list;
}

Status MemoryLinkState::MarkRunStarting(std::uint64_t run_id, double now) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(run_id);
  if (run == runs_.end()) return UnknownRun(run_id);
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run->second, RunStatus::kStarting, ""));
  run->second.starting_at = now;
  return absl::OkStatus();
}

Status MemoryLinkState::MarkRunRunning(std::uint64_t run_id, double now) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(run_id);
  if (run == runs_.end()) return UnknownRun(run_id);
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run->second, RunStatus::kRunning, ""));
  run->second.running_at = now;
  return absl::OkStatus();
}

Status MemoryLinkState::FinishRun(std::uint64_t run_id, const std::string& sub_status,
                                  const std::string& details, double now) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(run_id);
  if (run == runs_.end()) return UnknownRun(run_id);
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run->second, RunStatus::kFinished, sub_status));
  run->second.finished_at = now;
  run->second.sub_status = sub_status;
  run->second.details = details;
  EndClaimLocked(run_id);
  return absl::OkStatus();
}

MemoryLinkState::Claims::iterator MemoryLinkState::FindClaimLocked(const std::string& token,
                                                                   double now) {
  const auto claim = claims_.find(token);
  return claim == claims_.end() || HasLapsed(claim->second.until, now) ? claims_.end() : claim;
}

void MemoryLinkState::EndClaimLocked(std::uint64_t run_id) {
  std::erase_if(claims_, [&](const auto& claim) { return claim.second.run_id == run_id; });
  runs_.at(run_id).is_claimed = false;
}

StatusOr<std::optional<ClaimedRun>> MemoryLinkState::ClaimRun(
    std::span<const std::string> task_types, double now) {
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t run_id : run_order_) {
    RunInfo& run = runs_.at(run_id);
    if (run.status() != RunStatus::kPending ||
        std::find(task_types.begin(), task_types.end(), run.primary_task_type) ==
            task_types.end()) {
      continue;
    }
    ClaimedRun claimed{run, NewToken()};
    run.starting_at = now;
    run.is_claimed = true;
    claims_[claimed.token] = {run_id, now + kClaimLifetime};
    return claimed;
  }
  return std::optional<ClaimedRun>();
}

StatusOr<RunInfo> MemoryLinkState::StartClaimedRun(const std::string& token, double now) {
  const std::lock_guard lock(mutex_);
  const auto claim = FindClaimLocked(token, now);
  if (claim == claims_.end()) return UnknownToken();
  RunInfo& run = runs_.at(claim->second.run_id);
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run, RunStatus::kRunning, ""));
  RunInfo before = run;
  run.running_at = now;
  claim->second.until = now + kStartedClaimLifetime;
  return before;
}

Status MemoryLinkState::RenewClaim(const std::string& token, double now) {
  const std::lock_guard lock(mutex_);
  const auto claim = FindClaimLocked(token, now);
  if (claim == claims_.end()) return UnknownToken();
  claim->second.until = now + kStartedClaimLifetime;
  return absl::OkStatus();
}

StatusOr<RunInfo> MemoryLinkState::FindClaimedRun(const std::string& token, double now) {
  const std::lock_guard lock(mutex_);
  const auto claim = FindClaimLocked(token, now);
  if (claim == claims_.end()) return UnknownToken();
  return runs_.at(claim->second.run_id);
}

StatusOr<std::vector<std::uint64_t>> MemoryLinkState::ExpireClaims(double now) {
  std::vector<std::uint64_t> failed;
  const std::lock_guard lock(mutex_);
  for (auto claim = claims_.begin(); claim != claims_.end();) {
    if (!HasLapsed(claim->second.until, now)) {
      ++claim;
      continue;
    }
    RunInfo& run = runs_.at(claim->second.run_id);
    run.is_claimed = false;
    if (run.status() == RunStatus::kStarting) {
      run.starting_at = 0;
    } else {
      run.finished_at = claim->second.until;
      run.sub_status = run_sub_status::kFailed;
      run.details = kClaimLapsed;
      failed.push_back(run.run_id);
    }
    claim = claims_.erase(claim);
  }
  return failed;
}

Status MemoryLinkState::AddTraffic(std::uint64_t run_id, std::uint64_t bytes_sent,
                                   std::uint64_t bytes_recv) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(run_id);
  if (run == runs_.end()) return UnknownRun(run_id);
  run->second.bytes_sent += bytes_sent;
  run->second.bytes_recv += bytes_recv;
  return absl::OkStatus();
}

Status MemoryLinkState::AddClientAppRuntime(std::uint64_t run_id, double seconds) {
  FLWRCPP_RETURN_IF_ERROR(CheckRuntime(seconds));
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(run_id);
  if (run == runs_.end()) return UnknownRun(run_id);
  run->second.clientapp_runtime += seconds;
  return absl::OkStatus();
}

std::unique_ptr<LinkState> MakeMemoryLinkState() { return std::make_unique<MemoryLinkState>(); }

}  // namespace flwrcpp::internal
