// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/superlink.h"

#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <set>
#include <utility>

#include "crypto/ec_key.h"
#include "crypto/sha256.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/fab.h"
#include "superlink/classic/classic_listener.h"
#include "superlink/control_service.h"
#include "superlink/fleet_api.h"
#include "superlink/fleet_service.h"
#include "superlink/grpc/grpc_listener.h"
#include "superlink/http/control_routes.h"
#include "superlink/http/fleet_routes.h"
#include "superlink/http/http_listener.h"
#include "superlink/http/runtime_routes.h"
#include "superlink/io_threads.h"
#include "superlink/local_grid.h"
#include "superlink/message_exchange.h"
#include "superlink/notifier.h"
#include "superlink/runs.h"
#include "superlink/runtime_api.h"
#include "superlink/runtime_service.h"
#include "superlink/state/state.h"
#include "superlink/superexec_auth.h"
#include "superlink/tls_context.h"

namespace flwrcpp {
namespace {

using namespace internal;  // NOLINT(google-build-using-namespace): this file joins its parts

constexpr int kMaxThreads = 1024;
/// Stock nodes take an answer for lost after 30 s.
constexpr std::chrono::seconds kMaxPullWait{28};
constexpr std::size_t kMinRequestBytes = 4096;
constexpr std::size_t kMaxRequestBytes = (std::size_t{1} << 31) - (std::size_t{1} << 16);

/// How often uploads and runs that broke off are looked for.
constexpr std::chrono::seconds kExpiryInterval{10};

Status Validate(const SuperLinkOptions& options) {
  if (options.host.empty()) return InvalidArgument("host is empty");
  if (!options.http_port.has_value() && !options.grpc_port.has_value() &&
      !options.classic_port.has_value()) {
    return InvalidArgument("neither an HTTP port nor a gRPC or classic port is given");
  }
  if (options.classic_port.has_value() && options.enable_supernode_auth) {
    return InvalidArgument(
        "classic nodes have no keys: a classic port and authentication of nodes exclude each "
        "other");
  }
  const bool has_certificate = !options.ssl_certificate.empty();
  if (has_certificate != !options.ssl_private_key.empty()) {
    return InvalidArgument("a certificate and its private key must be given together");
  }
  if (options.insecure == has_certificate) {
    return InvalidArgument("either a certificate must be given, or insecure: {} is",
                           has_certificate ? "both" : "neither");
  }
  if (!(options.pull_wait.count() >= 0 && options.pull_wait <= kMaxPullWait)) {
    return InvalidArgument("pull_wait is {} s; it must be between 0 and {} s",
                           options.pull_wait.count(), kMaxPullWait.count());
  }
  if (options.max_request_bytes < kMinRequestBytes ||
      options.max_request_bytes > kMaxRequestBytes) {
    return InvalidArgument("max_request_bytes is {}; it must be between {} and {}",
                           options.max_request_bytes, kMinRequestBytes, kMaxRequestBytes);
  }
  if (options.max_classic_message_bytes < kMinRequestBytes ||
      options.max_classic_message_bytes > kMaxRequestBytes) {
    return InvalidArgument("max_classic_message_bytes is {}; it must be between {} and {}",
                           options.max_classic_message_bytes, kMinRequestBytes, kMaxRequestBytes);
  }
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return InvalidArgument("threads is {}; it must be between 1 and {}", options.threads,
                           kMaxThreads);
  }
  return absl::OkStatus();
}

class SuperLinkImpl final : public SuperLink {
 public:
  SuperLinkImpl(SuperLinkOptions options, State state)
      : options_(std::move(options)),
        state_(std::make_shared<const State>(std::move(state))),
        notifier_(std::make_shared<Notifier>()),
        runs_(*state_, *notifier_, UnixSeconds),
        exchange_(*state_, *notifier_, UnixSeconds),
        service_(*state_, *notifier_, exchange_,
                 {.enable_supernode_auth = options_.enable_supernode_auth, .clock = UnixSeconds}),
        api_(service_, *notifier_,
             {.pull_wait = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                  options_.pull_wait),
              .clock = UnixSeconds}),
        superexecs_(options_.superexec_auth_secret, *state_->run_archive),
        runtime_(*state_, *notifier_, runs_, exchange_, UnixSeconds),
        runtime_api_(runtime_, superexecs_, *notifier_,
                     {.pull_wait = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                          options_.pull_wait),
                      .clock = UnixSeconds}),
        control_(*state_, *notifier_, runs_, UnixSeconds),
        threads_(options_.threads),
        expiry_(threads_.io()) {
    AddHealthRoute(router_);
    AddFleetRoutes(api_, router_);
    if (options_.serve_apps) {
      AddRuntimeRoutes(runtime_api_, router_);
      AddControlRoutes(control_, *notifier_, router_);
    }
  }

  ~SuperLinkImpl() override { Stop(); }

  Status Listen() {
    FLWRCPP_RETURN_IF_ERROR(exchange_.Redeliver());
    std::optional<ServerCertificate> certificate;
    if (!options_.insecure) {
      certificate = ServerCertificate{options_.ssl_certificate, options_.ssl_private_key};
      // gRPC would not say what is wrong with it.
      FLWRCPP_RETURN_IF_ERROR(MakeTlsContext(*certificate).status());
    }
    if (options_.http_port.has_value()) {
      HttpListenerOptions http{.host = options_.host,
                               .port = *options_.http_port,
                               .certificate = certificate,
                               .limits = {}};
      http.limits.max_body_bytes = options_.max_request_bytes;
      FLWRCPP_ASSIGN_OR_RETURN(http_, HttpListener::Start(threads_.io(), router_, http));
      Log(LogLevel::kInfo, "listening on {}:{} (HTTP)", options_.host, http_->port());
    }
    if (options_.grpc_port.has_value()) {
      FLWRCPP_ASSIGN_OR_RETURN(
          grpc_, GrpcListener::Start(threads_.io(), api_,
                                     {.host = options_.host,
                                      .port = *options_.grpc_port,
                                      .certificate = certificate,
                                      .max_request_bytes = options_.max_request_bytes}));
      Log(LogLevel::kInfo, "listening on {}:{} (gRPC)", options_.host, grpc_->port());
    }
    if (options_.classic_port.has_value()) {
      ClassicListenerOptions classic;
      classic.server = {.host = options_.host,
                        .port = *options_.classic_port,
                        .certificate = certificate,
                        .max_request_bytes = options_.max_classic_message_bytes};
      FLWRCPP_ASSIGN_OR_RETURN(
          classic_, ClassicListener::Start(threads_.io(),
                                           {*state_, *notifier_, exchange_, UnixSeconds}, classic));
      Log(LogLevel::kInfo, "listening on {}:{} (classic)", options_.host, classic_->port());
    }
    http_port_ = http_ != nullptr ? http_->port() : 0;
    grpc_port_ = grpc_ != nullptr ? grpc_->port() : 0;
    classic_port_ = classic_ != nullptr ? classic_->port() : 0;
    ExpireLater();
    return absl::OkStatus();
  }

  std::uint16_t http_port() const override { return http_port_; }
  std::uint16_t grpc_port() const override { return grpc_port_; }
  std::uint16_t classic_port() const override { return classic_port_; }

  StatusOr<std::uint64_t> RegisterNode(const std::string& public_key) override {
    FLWRCPP_ASSIGN_OR_RETURN(const EcPublicKey key, EcPublicKey::Parse(public_key));
    if (!key.is_nist_curve()) {
      return InvalidArgument("the public key is not on a curve of NIST (P-192 to P-521)");
    }
    NodeRegistration registration;
    registration.public_key = key.pem();
    return state_->link_state->CreateNode(registration, UnixSeconds());
  }

  StatusOr<std::shared_ptr<Grid>> StartRun(const RunOptions& options) override {
    if (options_.serve_apps) {
      return MakeError(StatusCode::kFailedPrecondition,
                       "a SuperLink that serves apps takes its runs from the Control API only");
    }
    FLWRCPP_ASSIGN_OR_RETURN(const NewRun new_run, MakeRun(options));
    // One at a time: a run that is not among `own_runs_` yet would look like a foreign one.
    const std::lock_guard starting(start_mutex_);
    FLWRCPP_RETURN_IF_ERROR(EndForeignRuns());
    const double now = UnixSeconds();
    FLWRCPP_ASSIGN_OR_RETURN(const RunInfo run, state_->link_state->CreateRun(new_run, now));
    FLWRCPP_RETURN_IF_ERROR(state_->link_state->MarkRunStarting(run.run_id, now));
    FLWRCPP_RETURN_IF_ERROR(state_->link_state->MarkRunRunning(run.run_id, now));
    const auto grid = std::make_shared<LocalGrid>(state_, notifier_, run, UnixSeconds);

    const std::lock_guard lock(mutex_);
    if (stopped_) return MakeError(StatusCode::kUnavailable, "the SuperLink has stopped");
    own_runs_.insert(run.run_id);
    grids_.push_back(grid);
    Log(LogLevel::kInfo, "run {} started", run.run_id);
    return std::static_pointer_cast<Grid>(grid);
  }

  Status FinishRun(std::uint64_t run_id, const std::string& sub_status,
                   const std::string& details) override {
    return runs_.Finish(run_id, sub_status, details);
  }

  void Stop() override {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
      for (const auto& weak : grids_) {
        if (const auto grid = weak.lock()) grid->Close();
      }
    }
    api_.Stop();
    runtime_api_.Stop();
    control_.Stop();
    if (http_ != nullptr) http_->Stop();
    if (grpc_ != nullptr) grpc_->Stop();
    if (classic_ != nullptr) classic_->Stop();
    threads_.Stop();
  }

 private:
  StatusOr<NewRun> MakeRun(const RunOptions& options) {
    NewRun run;
    run.override_config = options.run_config;
    if (options.fab.empty()) return run;
    FLWRCPP_ASSIGN_OR_RETURN(const FabInfo info, ReadFab(options.fab));
    for (const auto& [key, value] : options.run_config) {
      if (!info.config.contains(key)) {
        return InvalidArgument("the config of app {} has no '{}'", info.fab_id(), key);
      }
    }
    run.fab_id = info.fab_id();
    run.fab_version = info.version;
    run.fab_hash = Sha256::Hex(options.fab.view());
    FLWRCPP_RETURN_IF_ERROR(state_->run_archive->StoreFab(run.fab_hash, options.fab));
    return run;
  }

  /// Ends runs that are neither over nor of this process: nobody is left to go on with them.
  Status EndForeignRuns() {
    RunFilter filter;
    filter.unfinished_only = true;
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<RunInfo> unfinished,
                             state_->link_state->ListRuns(filter));
    for (const RunInfo& run : unfinished) {
      // Pending ones wait for an executor, and a claim says that one is at work.
      if (run.status() == RunStatus::kPending || run.is_claimed) continue;
      {
        const std::lock_guard lock(mutex_);
        if (own_runs_.contains(run.run_id)) continue;
      }
      FLWRCPP_RETURN_IF_ERROR(FinishRun(run.run_id, std::string(run_sub_status::kFailed),
                                        "the process of its ServerApp ended"));
    }
    return absl::OkStatus();
  }

  void ExpireLater() {
    expiry_.expires_after(kExpiryInterval);
    expiry_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      const Status uploads = exchange_.ExpireSessions();
      if (!uploads.ok()) {
        Log(LogLevel::kWarning, "broken uploads are not removed: {}",
            std::string(uploads.message()));
      }
      const Status claims = runs_.ExpireClaims();
      if (!claims.ok()) {
        Log(LogLevel::kWarning, "runs without a process are not ended: {}",
            std::string(claims.message()));
      }
      ExpireLater();
    });
  }

  const SuperLinkOptions options_;
  const std::shared_ptr<const State> state_;
  const std::shared_ptr<Notifier> notifier_;
  Runs runs_;
  MessageExchange exchange_;
  FleetService service_;
  FleetApi api_;
  SuperExecAuthenticator superexecs_;
  RuntimeService runtime_;
  RuntimeApi runtime_api_;
  ControlService control_;
  HttpRouter router_;
  IoThreads threads_;
  boost::asio::steady_timer expiry_;
  std::unique_ptr<HttpListener> http_;
  std::unique_ptr<GrpcListener> grpc_;
  std::unique_ptr<ClassicListener> classic_;
  std::uint16_t http_port_ = 0;
  std::uint16_t grpc_port_ = 0;
  std::uint16_t classic_port_ = 0;

  std::mutex start_mutex_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::set<std::uint64_t> own_runs_;  // of ServerApps in this process
  std::vector<std::weak_ptr<LocalGrid>> grids_;
};

}  // namespace

StatusOr<std::unique_ptr<SuperLink>> SuperLink::Start(SuperLinkOptions options) {
  FLWRCPP_RETURN_IF_ERROR(Validate(options));
  State state;
  if (options.database.empty()) {
    state = MakeMemoryState();
  } else {
    FLWRCPP_ASSIGN_OR_RETURN(state, OpenSqliteState(options.database));
  }
  auto superlink = std::make_unique<SuperLinkImpl>(std::move(options), std::move(state));
  FLWRCPP_RETURN_IF_ERROR(superlink->Listen());
  return StatusOr<std::unique_ptr<SuperLink>>(std::move(superlink));
}

}  // namespace flwrcpp
