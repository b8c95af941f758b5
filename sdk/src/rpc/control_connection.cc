// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/control_connection.h"

#include <array>
#include <utility>

#include "crypto/sha256.h"
#include "flwr/proto/control.pb.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/wire.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

constexpr RpcMethod kStartRun{"StartRun", "/v1/control/start-run", false};
constexpr RpcMethod kListRuns{"ListRuns", "/v1/control/list-runs"};
constexpr RpcMethod kStopRun{"StopRun", "/v1/control/stop-run"};

}  // namespace

ControlConnection::ControlConnection(const Endpoint& endpoint, RetryPolicy retry, Clock& clock)
    : channel_(endpoint, "flwr CLI"), retry_(retry), clock_(clock) {}

template <typename Response, typename Request>
StatusOr<Response> ControlConnection::Call(const RpcMethod& method, const Request& request,
                                           std::stop_token stop) {
  const std::array body = {Bytes(request.SerializeAsString())};
  Backoff backoff(retry_, clock_);
  while (true) {
    const StatusOr<Bytes> answer =
        channel_.Post({method, body, {}, method.max_response_bytes}, stop);
    if (answer.ok()) {
      Response response;
      if (response.ParseFromArray(answer->data(), static_cast<int>(answer->size()))) {
        return response;
      }
      return MakeError(StatusCode::kInternal, "{}: the answer of {} bytes is no {}", method.name,
                       answer->size(), response.GetTypeName());
    }
    const Status status = Annotate(answer.status(), std::string(method.name));
    if (!method.retry || !IsRetryable(status)) return status;
    if (!backoff.Wait(status, stop)) {
      if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
      return status;
    }
  }
}

StatusOr<std::uint64_t> ControlConnection::StartRun(const Bytes& fab, const UserConfig& overrides,
                                                    const std::string& federation,
                                                    std::stop_token stop) {
  flwr::proto::StartRunRequest request;
  request.mutable_fab()->set_hash_str(Sha256::Hex(fab.view()));
  request.mutable_fab()->set_content(std::string(fab.view()));
  ToProto(overrides, *request.mutable_override_config());
  request.set_federation(federation);
  FLWRCPP_ASSIGN_OR_RETURN(const auto response, Call<flwr::proto::StartRunResponse>(
                                                    kStartRun, request, std::move(stop)));
  if (!response.has_run_id()) {
    return MakeError(StatusCode::kFailedPrecondition, "StartRun: the SuperLink takes no run{}",
                     response.note().empty() ? "" : ": " + response.note());
  }
  return response.run_id();
}

StatusOr<RunProgress> ControlConnection::GetRun(std::uint64_t run_id, std::stop_token stop) {
  flwr::proto::ListRunsRequest request;
  request.set_run_id(run_id);
  FLWRCPP_ASSIGN_OR_RETURN(const auto response, Call<flwr::proto::ListRunsResponse>(
                                                    kListRuns, request, std::move(stop)));
  const auto found = response.run_dict().find(run_id);
  if (found == response.run_dict().end()) {
    return MakeError(StatusCode::kInternal, "ListRuns: the answer lacks run {}", run_id);
  }
  const flwr::proto::RunStatus& status = found->second.status();
  return RunProgress{status.status(), status.sub_status(), status.details()};
}

Status ControlConnection::StopRun(std::uint64_t run_id, std::stop_token stop) {
  flwr::proto::StopRunRequest request;
  request.set_run_id(run_id);
  return Call<flwr::proto::StopRunResponse>(kStopRun, request, std::move(stop)).status();
}

}  // namespace flwrcpp::internal
