// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <mutex>

#include "fleet/fleet_transport.h"
#include "internal/log.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

class AutoTransport final : public FleetTransport {
 public:
  explicit AutoTransport(const TransportOptions& options)
      : options_(options), http_(MakeHttpTransport(options)) {}

  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token stop) override {
    if (FleetTransport* const chosen = chosen_.load()) return chosen->Call(call, stop);

    const std::lock_guard lock(mutex_);
    if (FleetTransport* const chosen = chosen_.load()) return chosen->Call(call, stop);
    StatusOr<Bytes> answer = http_->Call(call, stop);
    if (answer.ok()) {
      chosen_ = http_.get();
      return answer;
    }
    if (IsNoHttpAnswer(answer.status()) && SpeaksGrpc(options_, stop)) {
      Log(LogLevel::kInfo, "The SuperLink at {} speaks gRPC", options_.address);
      grpc_ = MakeGrpcTransport(options_);
      chosen_ = grpc_.get();
      return grpc_->Call(call, stop);
    }
    // A refusal came over HTTP, too; but 502 and its like may come from a proxy in between.
    if (answer.status().code() != StatusCode::kUnavailable &&
        answer.status().code() != StatusCode::kCancelled) {
      chosen_ = http_.get();
    }
    return answer;
  }

  std::string_view wire() const override {
    const FleetTransport* const chosen = chosen_.load();
    return chosen != nullptr ? chosen->wire() : http_->wire();
  }

 private:
  const TransportOptions options_;
  const std::unique_ptr<FleetTransport> http_;
  std::mutex mutex_;  // held by the first calls, until the wire is known
  std::unique_ptr<FleetTransport> grpc_;
  std::atomic<FleetTransport*> chosen_{nullptr};
};

}  // namespace

std::unique_ptr<FleetTransport> MakeAutoTransport(const TransportOptions& options) {
  return std::make_unique<AutoTransport>(options);
}

}  // namespace flwrcpp::internal
