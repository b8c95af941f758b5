// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/remote/remote_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/cpp_fab.h"
#include "records/fab.h"
#include "records/wire.h"
#include "rpc/control_connection.h"
#include "rpc/runtime_relay.h"
#include "rpc/task_heartbeat.h"
#include "server/remote/output_capture.h"
#include "server/remote/remote_grid.h"
#include "server/remote/task_log.h"

namespace flwrcpp::internal {
namespace {

constexpr char kTaskType[] = "flwr-serverapp";
/// Seconds between two claims. Our SuperLink answers the first one as soon as there is a run.
constexpr double kClaimPause = 1;
constexpr double kEagerClaimPause = 0.1;
/// Seconds for which the end of a run is told to a SuperLink that cannot be reached.
constexpr double kFarewell = 30;
/// Seconds after which a SuperLink has given an upload up.
constexpr double kUploadLife = 180;

Endpoint EndpointOf(const RemoteSuperLink& superlink) {
  return {superlink.address, superlink.insecure, superlink.root_certificates};
}

RetryPolicy RetryOf(const RemoteSuperLink& superlink) {
  RetryPolicy retry;
  retry.max_retries = superlink.max_retries;
  if (superlink.max_wait_time) retry.max_wait_seconds = superlink.max_wait_time->count();
  return retry;
}

RuntimeConnection Connect(const RemoteSuperLink& superlink, const char* component,
                          const RetryPolicy& retry) {
  RuntimeConnection::Options options;
  options.retry = retry;
  options.max_object_bytes = superlink.max_object_bytes;
  return RuntimeConnection(EndpointOf(superlink), component, options, Clock::System());
}

/// The run's config as a stock ServerApp sees it: the app's defaults and what the user overrode.
StatusOr<UserConfig> RunConfigOf(const flwr::proto::PullTaskInputResponse& input) {
  const UserConfig overrides = FromProto(input.run().override_config());
  if (input.fab().content().empty()) return overrides;
  FLWRCPP_ASSIGN_OR_RETURN(UserConfig defaults, ReadFabConfig(Bytes(input.fab().content())));
  return Overlay(std::move(defaults), overrides);
}

Status RunMain(const ServerAppMain& main, const RemoteSuperLink& superlink,
               RuntimeConnection& connection, const flwr::proto::PullTaskInputResponse& input,
               std::stop_token stop) {
  Context context;
  context.run_id = input.run().run_id();
  context.node_id = kSuperLinkNodeId;
  context.stop = stop;
  FLWRCPP_ASSIGN_OR_RETURN(context.run_config, RunConfigOf(input));

  ObjectPullOptions limits;
  limits.concurrency = superlink.concurrent_objects;
  limits.max_message_bytes = superlink.max_message_bytes;
  limits.longest_wait = kUploadLife;
  RemoteGrid grid(
      {connection, Clock::System(), kSuperLinkNodeId, context.run_id, limits, RetryOf(superlink)},
      input.task_id(), std::move(stop));
  return CatchExceptions("the ServerApp", [&] { return main(grid, context); });
}

/// Tells the SuperLink how the run ended, also after a requested stop.
Status ReportOutcome(const RemoteSuperLink& superlink, const std::string& token,
                     const Status& outcome) {
  RetryPolicy retry = RetryOf(superlink);
  retry.max_wait_seconds = std::min(retry.max_wait_seconds.value_or(kFarewell), kFarewell);
  RuntimeConnection connection = Connect(superlink, kTaskType, retry);
  connection.UseToken(token);
  flwr::proto::PushTaskOutputRequest output;
  output.set_sub_status(SubStatusOf(outcome));
  output.set_details(std::string(outcome.message()));
  return connection.PushTaskOutput(output, std::stop_token());
}

/// Leaves a task to a program of Flower's.
Status HandOver(const RemoteSuperLink& superlink, const TaskOptions& task,
                const flwr::proto::PullTaskInputResponse& input, std::stop_token stop) {
  FLWRCPP_ASSIGN_OR_RETURN(
      const std::unique_ptr<RuntimeRelay> relay,
      RuntimeRelay::Start(EndpointOf(superlink), task.token, input.SerializeAsString()));
  return task.run_python(fmt::format("127.0.0.1:{}", relay->port()), std::move(stop));
}

bool IsForPython(const TaskOptions& task, const flwr::proto::PullTaskInputResponse& input) {
  if (!task.run_python) return false;
  const StatusOr<FabInfo> fab = ReadFab(Bytes(input.fab().content()));
  return !fab.ok() || !fab->has_cpp_serverapp;
}

Status WorkOn(const ServerAppMain& main, const RemoteSuperLink& superlink, const TaskOptions& task,
              std::stop_token stop) {
  RuntimeConnection connection = Connect(superlink, kTaskType, RetryOf(superlink));
  connection.UseToken(task.token);
  std::stop_source work;
  const std::stop_callback forward(stop, [&work] { work.request_stop(); });
  std::atomic<bool> over = false;
  const TaskHeartbeat heartbeat(connection, Clock::System(), [&] {
    over = true;
    work.request_stop();
  });

  const StatusOr<flwr::proto::PullTaskInputResponse> pulled =
      connection.PullTaskInput(work.get_token());
  if (over) {  // whichever call was told so first
    return MakeError(StatusCode::kUnauthenticated,
                     "the token is that of no task, or of one that is over");
  }
  FLWRCPP_RETURN_IF_ERROR(pulled.status());
  const flwr::proto::PullTaskInputResponse& input = *pulled;
  const std::uint64_t run_id = input.run().run_id();
  if (IsForPython(task, input)) {
    Log(LogLevel::kInfo, "Run {} is one of Python", run_id);
    return HandOver(superlink, task, input, work.get_token());
  }
  Status outcome;
  {
    TaskLog log(connection, run_id);
    std::unique_ptr<OutputCapture> capture;
    if (superlink.capture_output) {
      capture =
          std::make_unique<OutputCapture>([&log](std::string_view text) { log.Append(text); });
    }
    Log(LogLevel::kInfo, "Run {} begins", run_id);
    outcome = RunMain(main, superlink, connection, input, work.get_token());
    if (!outcome.ok() && !over) {
      Log(LogLevel::kError, "Run {} ends: {}", run_id, std::string(outcome.message()));
    }
  }
  const Status stopped =
      MakeError(StatusCode::kCancelled, "run {} was stopped at the SuperLink", run_id);
  if (!outcome.ok() && (over || IsTaskOver(outcome))) return stopped;
  const Status reported = ReportOutcome(superlink, task.token, outcome);
  // The stop may have come after the last call, or broken off one that failed in other words.
  if (IsTaskOver(reported)) return stopped;
  return outcome.ok() ? reported : outcome;
}

/// Claims run `run_id`, and no other.
StatusOr<std::string> ClaimRun(const RemoteSuperLink& superlink, ControlConnection& control,
                               std::uint64_t run_id, std::stop_token stop) {
  RuntimeConnection connection = Connect(superlink, "SuperExec", RetryOf(superlink));
  Clock& clock = Clock::System();
  while (true) {
    FLWRCPP_ASSIGN_OR_RETURN(
        const std::optional<ClaimedTask> claimed,
        connection.AcquireTask(kTaskType, superlink.superexec_auth_secret, stop));
    if (claimed && claimed->run_id == run_id) return claimed->token;
    if (claimed) {
      // There is no call to give it back: its claim lapses without heartbeats.
      Log(LogLevel::kWarning,
          "Run {} was claimed on the way to run {}; it starts half a minute late", claimed->run_id,
          run_id);
    }
    FLWRCPP_ASSIGN_OR_RETURN(const RunProgress progress, control.GetRun(run_id, stop));
    if (progress.status != "pending") {
      return MakeError(
          StatusCode::kFailedPrecondition,
          "run {} is {} without this program: another executor of the SuperLink took it (start the "
          "SuperLink with --isolation process, or put this program on the PATH of its executor as "
          "flwr-serverapp)",
          run_id, progress.status);
    }
    if (!clock.Sleep(kEagerClaimPause, stop)) {
      return MakeError(StatusCode::kCancelled, "stop requested");
    }
  }
}

}  // namespace

std::string SubStatusOf(const Status& outcome) {
  if (outcome.ok()) return "completed";
  return outcome.code() == StatusCode::kCancelled ? "stopped" : "failed";
}

Status WorkOnTask(const ServerAppMain& main, const RemoteSuperLink& superlink,
                  const TaskOptions& task, std::stop_token stop) {
  FLWRCPP_RETURN_IF_ERROR(CheckEndpoint(EndpointOf(superlink)));
  return WorkOn(main, superlink, task, std::move(stop));
}

Status SubmitAndWork(const ServerAppMain& main, const RemoteSuperLink& superlink,
                     const RunOptions& options, std::stop_token stop) {
  FLWRCPP_RETURN_IF_ERROR(CheckEndpoint(EndpointOf(superlink)));
  ControlConnection control(EndpointOf(superlink), RetryOf(superlink), Clock::System());
  StatusOr<std::uint64_t> run_id;
  if (options.fab.empty()) {
    FLWRCPP_ASSIGN_OR_RETURN(const Bytes fab, MakeCppFab(options.run_config));
    run_id = control.StartRun(fab, {}, options.federation, stop);
  } else {
    run_id = control.StartRun(options.fab, options.run_config, options.federation, stop);
  }
  FLWRCPP_RETURN_IF_ERROR(run_id.status());
  Log(LogLevel::kInfo, "Run {} is submitted to {}", *run_id, superlink.address);
  const StatusOr<std::string> token = ClaimRun(superlink, control, *run_id, stop);
  if (!token.ok()) {
    // A run that nobody works on must not stay behind.
    const Status stopped = control.StopRun(*run_id, std::stop_token());
    if (!stopped.ok()) {
      Log(LogLevel::kDebug, "Run {} is not stopped: {}", *run_id, std::string(stopped.message()));
    }
    return token.status();
  }
  return WorkOn(main, superlink, {*token, nullptr}, std::move(stop));
}

Status ClaimAndWork(const ServerAppMain& main, const RemoteSuperLink& superlink,
                    std::stop_token stop) {
  FLWRCPP_RETURN_IF_ERROR(CheckEndpoint(EndpointOf(superlink)));
  RuntimeConnection connection = Connect(superlink, "SuperExec", RetryOf(superlink));
  while (true) {
    const StatusOr<std::optional<ClaimedTask>> claimed =
        connection.AcquireTask(kTaskType, superlink.superexec_auth_secret, stop);
    if (stop.stop_requested()) return absl::OkStatus();
    FLWRCPP_RETURN_IF_ERROR(claimed.status());
    if (*claimed) {
      Log(LogLevel::kInfo, "Run {} is claimed", (*claimed)->run_id);
      const Status outcome = WorkOn(main, superlink, {(*claimed)->token, nullptr}, stop);
      if (!outcome.ok()) {
        Log(LogLevel::kInfo, "Run {}: {}", (*claimed)->run_id, std::string(outcome.message()));
      }
    } else if (!Clock::System().Sleep(kClaimPause, stop)) {
      return absl::OkStatus();
    }
  }
}

}  // namespace flwrcpp::internal
