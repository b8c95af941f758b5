// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/wire.h"
#include "superlink/state/sqlite_link_state.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {
namespace {

#define FLWRCPP_RUN_COLUMNS                                                                \
  "run_id, primary_task_id, primary_task_type, series_id, override_config, fab_id, "       \
  "fab_version, fab_hash, federation, account_id, account_name, pending_at, starting_at, " \
  "running_at, finished_at, sub_status, details, bytes_sent, bytes_recv, "                 \
  "clientapp_runtime, token IS NOT NULL"

StatusOr<RunInfo> ReadRun(const SqliteQuery& row) {
  RunInfo run;
  run.run_id = row.Id(0);
  run.primary_task_id = row.Id(1);
  run.primary_task_type = row.Text(2);
  run.series_id = row.Id(3);
  flwr::proto::ConfigRecord config;
  if (!config.ParseFromString(row.Text(4))) {
    return MakeError(StatusCode::kDataLoss, "the config of run {} cannot be read", run.run_id);
  }
  FLWRCPP_ASSIGN_OR_RETURN(run.override_config, FromProto(config));
  run.fab_id = row.Text(5);
  run.fab_version = row.Text(6);
  run.fab_hash = row.Text(7);
  run.federation = row.Text(8);
  run.account_id = row.Text(9);
  run.account_name = row.Text(10);
  run.pending_at = row.Real(11);
  run.starting_at = row.Real(12);
  run.running_at = row.Real(13);
  run.finished_at = row.Real(14);
  run.sub_status = row.Text(15);
  run.details = row.Text(16);
  run.bytes_sent = row.Id(17);
  run.bytes_recv = row.Id(18);
  run.clientapp_runtime = row.Real(19);
  run.is_claimed = row.Integer(20) != 0;
  return run;
}

}  // namespace

StatusOr<RunInfo> SqliteLinkState::GetRunLocked(std::uint64_t run_id) {
  SqliteQuery row =
      database().Query("SELECT " FLWRCPP_RUN_COLUMNS " FROM run WHERE run_id = ?", {run_id});
  if (row.Next()) return ReadRun(row);
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return UnknownRun(run_id);
}

StatusOr<std::optional<RunStatus>> SqliteLinkState::FindRunStatusLocked(std::uint64_t run_id) {
  SqliteQuery row = database().Query(
      "SELECT starting_at, running_at, finished_at FROM run WHERE run_id = ?", {run_id});
  const bool found = row.Next();
  FLWRCPP_RETURN_IF_ERROR(row.status());
  if (!found) return std::optional<RunStatus>();
  RunInfo times;
  times.starting_at = row.Real(0);
  times.running_at = row.Real(1);
  times.finished_at = row.Real(2);
  return std::optional(times.status());
}

StatusOr<bool> SqliteLinkState::IsUnfinishedLocked(std::uint64_t run_id) {
  FLWRCPP_ASSIGN_OR_RETURN(const auto status, FindRunStatusLocked(run_id));
  return status.has_value() && *status != RunStatus::kFinished;
}

StatusOr<RunInfo> SqliteLinkState::CreateRun(const NewRun& run, double now) {
  RunInfo info;
  static_cast<NewRun&>(info) = run;
  info.run_id = RandomId();
  if (info.series_id == 0) info.series_id = RandomId();
  info.primary_task_id = RandomId();
  info.pending_at = now;
  flwr::proto::ConfigRecord proto;
  ToProto(info.override_config, proto);
  const Bytes config(proto.SerializeAsString());
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_RETURN_IF_ERROR(database().Run(
      "INSERT INTO run (run_id, primary_task_id, primary_task_type, series_id, override_config, "
      "fab_id, fab_version, fab_hash, federation, account_id, account_name, pending_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {info.run_id, info.primary_task_id, info.primary_task_type, info.series_id, config,
       info.fab_id, info.fab_version, info.fab_hash, info.federation, info.account_id,
       info.account_name, info.pending_at}));
  return info;
}

StatusOr<RunInfo> SqliteLinkState::GetRun(std::uint64_t run_id) {
  const std::lock_guard lock(file_->mutex);
  return GetRunLocked(run_id);
}

StatusOr<RunStatus> SqliteLinkState::GetRunStatus(std::uint64_t run_id) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const auto status, FindRunStatusLocked(run_id));
  if (!status.has_value()) return UnknownRun(run_id);
  return *status;
}

StatusOr<std::vector<RunInfo>> SqliteLinkState::ListRuns(const RunFilter& filter) {
  const std::lock_guard lock(file_->mutex);
  std::vector<RunInfo> list;
  std::uint64_t skip = filter.skip;
  SqliteQuery row = database().Query("SELECT " FLWRCPP_RUN_COLUMNS " FROM run ORDER BY seq DESC");
  while ((!filter.limit.has_value() || list.size() < *filter.limit) && row.Next()) {
    FLWRCPP_ASSIGN_OR_RETURN(RunInfo run, ReadRun(row));
    if (filter.account_id.has_value() && *filter.account_id != run.account_id) continue;
    if (filter.unfinished_only && run.status() == RunStatus::kFinished) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    list.push_back(std::move(run));
  }
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return list;
}

Status SqliteLinkState::MarkRunStarting(std::uint64_t run_id, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const RunInfo run, GetRunLocked(run_id));
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run, RunStatus::kStarting, ""));
  return database().Run("UPDATE run SET starting_at = ? WHERE run_id = ?", {now, run_id});
}

Status SqliteLinkState::MarkRunRunning(std::uint64_t run_id, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const RunInfo run, GetRunLocked(run_id));
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run, RunStatus::kRunning, ""));
  return database().Run("UPDATE run SET running_at = ? WHERE run_id = ?", {now, run_id});
}

Status SqliteLinkState::FinishRun(std::uint64_t run_id, const std::string& sub_status,
                                  const std::string& details, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const RunInfo run, GetRunLocked(run_id));
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run, RunStatus::kFinished, sub_status));
  return database().Run(
      "UPDATE run SET finished_at = ?, sub_status = ?, details = ?, token = NULL WHERE run_id = ?",
      {now, sub_status, details, run_id});
}

StatusOr<std::optional<ClaimedRun>> SqliteLinkState::ClaimRun(
    std::span<const std::string> task_types, double now) {
  const std::lock_guard lock(file_->mutex);
  std::optional<std::int64_t> oldest;
  for (const std::string& task_type : task_types) {
    FLWRCPP_ASSIGN_OR_RETURN(
        const auto seq,
        database().Lookup("SELECT seq FROM run WHERE primary_task_type = ? AND starting_at = 0 "
                          "AND running_at = 0 AND finished_at = 0 ORDER BY seq LIMIT 1",
                          {task_type}));
    if (seq.has_value() && (!oldest.has_value() || *seq < *oldest)) oldest = seq;
  }
  if (!oldest.has_value()) return std::optional<ClaimedRun>();
  FLWRCPP_ASSIGN_OR_RETURN(const auto run_id,
                           database().Lookup("SELECT run_id FROM run WHERE seq = ?", {*oldest}));
  FLWRCPP_ASSIGN_OR_RETURN(RunInfo run,
                           GetRunLocked(static_cast<std::uint64_t>(run_id.value_or(0))));
  ClaimedRun claimed{std::move(run), NewToken()};
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("UPDATE run SET starting_at = ?, token = ?, claimed_until = ? WHERE seq = ?",
                     {now, claimed.token, now + kClaimLifetime, *oldest}));
  return std::optional(std::move(claimed));
}

StatusOr<RunInfo> SqliteLinkState::FindClaimedRunLocked(const std::string& token, double now) {
  SqliteQuery row = database().Query("SELECT " FLWRCPP_RUN_COLUMNS
                                     " FROM run WHERE token = ? AND claimed_until > ?",
                                     {token, now});
  if (row.Next()) return ReadRun(row);
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return UnknownToken();
}

StatusOr<RunInfo> SqliteLinkState::StartClaimedRun(const std::string& token, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(RunInfo run, FindClaimedRunLocked(token, now));
  FLWRCPP_RETURN_IF_ERROR(CheckTransition(run, RunStatus::kRunning, ""));
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("UPDATE run SET running_at = ?, claimed_until = ? WHERE token = ?",
                     {now, now + kStartedClaimLifetime, token}));
  return run;
}

Status SqliteLinkState::RenewClaim(const std::string& token, double now) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("UPDATE run SET claimed_until = ? WHERE token = ? AND claimed_until > ?",
                     {now + kStartedClaimLifetime, token, now}));
  return database().changes() > 0 ? absl::OkStatus() : UnknownToken();
}

StatusOr<RunInfo> SqliteLinkState::FindClaimedRun(const std::string& token, double now) {
  const std::lock_guard lock(file_->mutex);
  return FindClaimedRunLocked(token, now);
}

StatusOr<std::vector<std::uint64_t>> SqliteLinkState::ExpireClaims(double now) {
  std::vector<std::uint64_t> failed;
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto lapsed,
      database().Lookup("SELECT 1 FROM run WHERE token IS NOT NULL AND claimed_until <= ? LIMIT 1",
                        {now}));
  if (!lapsed.has_value()) return failed;
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  {
    SqliteQuery row = database().Query(
        "UPDATE run SET finished_at = claimed_until, sub_status = ?, details = ?, token = NULL "
        "WHERE token IS NOT NULL AND claimed_until <= ? AND running_at > 0 RETURNING run_id",
        {run_sub_status::kFailed, kClaimLapsed, now});
    while (row.Next()) failed.push_back(row.Id(0));
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("UPDATE run SET starting_at = 0, token = NULL "
                     "WHERE token IS NOT NULL AND claimed_until <= ?",
                     {now}));
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return failed;
}

Status SqliteLinkState::AddTraffic(std::uint64_t run_id, std::uint64_t bytes_sent,
                                   std::uint64_t bytes_recv) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_RETURN_IF_ERROR(database().Run(
      "UPDATE run SET bytes_sent = bytes_sent + ?, bytes_recv = bytes_recv + ? WHERE run_id = ?",
      {bytes_sent, bytes_recv, run_id}));
  return database().changes() > 0 ? absl::OkStatus() : UnknownRun(run_id);
}

Status SqliteLinkState::AddClientAppRuntime(std::uint64_t run_id, double seconds) {
  FLWRCPP_RETURN_IF_ERROR(CheckRuntime(seconds));
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("UPDATE run SET clientapp_runtime = clientapp_runtime + ? WHERE run_id = ?",
                     {seconds, run_id}));
  return database().changes() > 0 ? absl::OkStatus() : UnknownRun(run_id);
}

}  // namespace flwrcpp::internal
