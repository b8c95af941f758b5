// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/control_service.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "crypto/encoding.h"
#include "crypto/node_auth.h"
#include "crypto/sha256.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/fab.h"
#include "records/wire.h"
#include "superlink/api_error.h"
#include "superlink/run_proto.h"

namespace flwrcpp::internal {
namespace {

constexpr std::uint64_t kDefaultListedRuns = 20;

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsAppName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == '-';
  });
}

/// The part of `@account/app==1.2.3` before the version, "" if it is no such text.
std::string_view AppIdOf(std::string_view spec) {
  const std::size_t equals = spec.find("==");
  if (equals != std::string_view::npos) {
    std::string_view version = spec.substr(equals + 2);
    for (int part = 0; part < 2; ++part) {
      const std::size_t dot = version.find('.');
      if (dot == std::string_view::npos || !IsDigits(version.substr(0, dot))) return {};
      version.remove_prefix(dot + 1);
    }
    if (!IsDigits(version)) return {};
    spec = spec.substr(0, equals);
  }
  const std::size_t slash = spec.find('/');
  const bool fits = spec.starts_with('@') && slash != std::string_view::npos &&
                    IsAppName(spec.substr(1, slash - 1)) && IsAppName(spec.substr(slash + 1));
  return fits ? spec : std::string_view();
}

}  // namespace

ControlService::ControlService(State state, Notifier& notifier, Runs& runs,
                               std::function<double()> clock)
    : state_(std::move(state)), notifier_(notifier), runs_(runs), clock_(std::move(clock)) {}

StatusOr<flwr::proto::StartRunResponse> ControlService::StartRun(
    const flwr::proto::StartRunRequest& request) {
  if (!request.federation().empty() && request.federation() != kDefaultFederation) {
    return ApiError(ApiErrorCode::kFederationNotFound, request.federation());
  }
  if (!request.connector_refs().empty() || !request.connector_ids().empty()) {
    return ApiError(ApiErrorCode::kInvalidRunConfig, "This SuperLink has no connectors.");
  }
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes fab, FabOf(request));
  if (fab.size() > kMaxFabBytes) {
    Log(LogLevel::kWarning, "a FAB of {} bytes is refused: at most {} are accepted", fab.size(),
        kMaxFabBytes);
    return flwr::proto::StartRunResponse();
  }
  const StatusOr<FabInfo> info = ReadFab(fab);
  if (!info.ok()) {
    return ApiError(ApiErrorCode::kInvalidRunConfig, std::string(info.status().message()));
  }
  if (!request.app_spec().empty() && AppIdOf(request.app_spec()) != "@" + info->fab_id()) {
    return ApiError(ApiErrorCode::kInvalidAppSpec, "The FAB is of " + info->fab_id() + ".");
  }
  for (const auto& [key, value] : request.override_config()) {
    if (info->config.Find(key) == nullptr) {
      return ApiError(ApiErrorCode::kInvalidRunConfig, "The app's config has no '" + key + "'.");
    }
  }
  if (info->has_agentapp) {
    if (request.user_prompt().find_first_not_of(" \t\r\n") == std::string::npos) {
      return ApiError(ApiErrorCode::kPromptRequired, "");
    }
    return ApiError(ApiErrorCode::kInvalidRunConfig, "This SuperLink runs no AgentApps.");
  }

  NewRun run;
  run.override_config = FromProto(request.override_config());
  run.fab_id = info->fab_id();
  run.fab_version = info->version;
  run.fab_hash = Sha256::Hex(fab.view());
  FLWRCPP_RETURN_IF_ERROR(state_.run_archive->StoreFab(run.fab_hash, fab));
  FLWRCPP_ASSIGN_OR_RETURN(run.series_id, SeriesOf(request));
  FLWRCPP_ASSIGN_OR_RETURN(const RunInfo created, runs_.Create(run));

  flwr::proto::StartRunResponse response;
  response.set_run_id(created.run_id);
  response.set_series_id(created.series_id);
  response.set_federation(created.federation);
  return response;
}

StatusOr<Bytes> ControlService::FabOf(const flwr::proto::StartRunRequest& request) {
  if (!request.app_spec().empty() && AppIdOf(request.app_spec()).empty()) {
    return ApiError(ApiErrorCode::kInvalidAppSpec, request.app_spec());
  }
  if (request.fab().content().empty() && !request.fab().hash_str().empty()) {
    StatusOr<Bytes> kept = state_.run_archive->GetFab(request.fab().hash_str());
    const bool is_known = !request.app_spec().empty() && kept.ok();
    if (is_known || (!kept.ok() && kept.status().code() != StatusCode::kNotFound)) return kept;
    return ApiError(ApiErrorCode::kAppDownloadFailed, "");
  }
  if (!request.app_spec().empty()) return ApiError(ApiErrorCode::kAppNotFound, "");
  return Bytes(request.fab().content());
}

StatusOr<std::uint64_t> ControlService::SeriesOf(const flwr::proto::StartRunRequest& request) {
  if (request.has_series_id()) {
    // What the series' runs hand on stays as it is: the next one is told its own ids with it.
    const Status known = state_.run_archive->GetContext(request.series_id()).status();
    if (known.code() != StatusCode::kNotFound) {
      FLWRCPP_RETURN_IF_ERROR(known);
      return request.series_id();
    }
    return ApiError(ApiErrorCode::kRunCreationFailed, "There is no run series with this id.");
  }
  flwr::proto::Context context;
  context.set_node_id(kSuperLinkNodeId);
  context.set_series_id(RandomId());
  context.mutable_state();
  FLWRCPP_RETURN_IF_ERROR(
      state_.run_archive->StoreContext(context.series_id(), context.SerializeAsString()));
  return context.series_id();
}

StatusOr<flwr::proto::ListRunsResponse> ControlService::ListRuns(
    const flwr::proto::ListRunsRequest& request) {
  std::vector<RunInfo> runs;
  if (request.has_run_id()) {
    FLWRCPP_ASSIGN_OR_RETURN(RunInfo run, FindRun(request.run_id()));
    runs.push_back(std::move(run));
  } else {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    FLWRCPP_RETURN_IF_ERROR(runs_.ExpireClaims());
    RunFilter filter;
    filter.account_id = std::string(kNoAccountId);
    filter.limit = request.has_limit() ? std::min(request.limit(), kMost) : kDefaultListedRuns;
    filter.skip = std::min(request.skip(), kMost);
    FLWRCPP_ASSIGN_OR_RETURN(runs, state_.link_state->ListRuns(filter));
  }
  flwr::proto::ListRunsResponse response;
  for (const RunInfo& run : runs) ToProto(run, (*response.mutable_run_dict())[run.run_id]);
  response.set_now(FormatTimestamp(clock_()));
  return response;
}

StatusOr<flwr::proto::StopRunResponse> ControlService::StopRun(
    const flwr::proto::StopRunRequest& request) {
  FLWRCPP_RETURN_IF_ERROR(FindRun(request.run_id()).status());
  const Status finished = runs_.Finish(request.run_id(), std::string(run_sub_status::kStopped), "");
  if (finished.code() == StatusCode::kFailedPrecondition) {
    return ApiError(ApiErrorCode::kRunAlreadyFinished, "");
  }
  FLWRCPP_RETURN_IF_ERROR(finished);
  flwr::proto::StopRunResponse response;
  response.set_success(true);
  return response;
}

StatusOr<flwr::proto::PullArtifactsResponse> ControlService::PullArtifacts(
    const flwr::proto::PullArtifactsRequest&) {
  return ApiError(ApiErrorCode::kNoArtifactProvider, "");
}

StatusOr<LogChunk> ControlService::ReadLog(std::uint64_t run_id, double after) {
  // In this order: what is logged in between is seen by the next look.
  FLWRCPP_ASSIGN_OR_RETURN(const RunInfo run, FindRun(run_id));
  FLWRCPP_ASSIGN_OR_RETURN(LogPart part,
                           state_.run_archive->ReadLog(run_id, std::isnan(after) ? 0 : after));
  LogChunk chunk;
  chunk.is_complete = part.text.empty() && run.status() == RunStatus::kFinished;
  chunk.response.set_log_output(std::move(part.text));
  chunk.response.set_latest_timestamp(part.latest_timestamp);
  return chunk;
}

void ControlService::Stop() {
  stopping_ = true;
  notifier_.NotifyAll();
}

StatusOr<RunInfo> ControlService::FindRun(std::uint64_t run_id) {
  FLWRCPP_RETURN_IF_ERROR(runs_.ExpireClaims());
  StatusOr<RunInfo> run = state_.link_state->GetRun(run_id);
  if (run.status().code() == StatusCode::kNotFound) {
    return ApiError(ApiErrorCode::kRunNotFound, "");
  }
  return run;
}

}  // namespace flwrcpp::internal
