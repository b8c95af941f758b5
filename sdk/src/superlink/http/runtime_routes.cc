// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/runtime_routes.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "internal/releases.h"
#include "superlink/http/protobuf_call.h"

namespace flwrcpp::internal {
namespace {

Status Incompatible(const std::string& why) {
  return ApiError(
      ApiErrorCode::kVersionIncompatible,
      fmt::format("{}; this SuperLink works with Flower {}.{} to {}.{}", why, release::kHttp.major,
                  release::kHttp.minor, release::kNewest.major, release::kNewest.minor));
}

/// Who calls says so by three header fields or by none. A release that nobody has seen yet is
/// taken for the newest one known.
Status CheckRelease(const HttpHeader& header) {
  const std::string_view name = FieldOf(header, "flwr-package-name");
  const std::string_view version = FieldOf(header, "flwr-package-version");
  const std::string_view component = FieldOf(header, "flwr-component-name");
  if (name.empty() && version.empty() && component.empty()) return absl::OkStatus();
  if (name.empty() || version.empty() || component.empty()) {
    return Incompatible("the package's name, its version and the component must be given together");
  }
  if (name != "flwr" && name != "flwr-nightly") {
    return Incompatible(fmt::format("package '{}' is not flwr", name));
  }
  const std::optional<Release> found = ParseRelease(version);
  if (!found) return Incompatible(fmt::format("'{}' is no version", version));
  if (*found < release::kHttp) {
    return Incompatible(fmt::format("{} is of Flower {}", component, version));
  }
  WarnOfNewRelease("an executor or ServerApp", version);
  return absl::OkStatus();
}

boost::asio::awaitable<HttpResponse> HandleRuntimeCall(RuntimeApi& api, const RuntimeRpcName& name,
                                                       const HttpHeader& header, Bytes body,
                                                       Caller& caller) {
  if (const Status type = CheckProtobufType(header); !type.ok()) co_return ErrorResponse(type);
  if (const Status fits = CheckRelease(header); !fits.ok()) co_return ErrorResponse(fits);
  RuntimeRequest call;
  call.rpc = name.rpc;
  call.body = std::move(body);
  call.token = std::string(FieldOf(header, kTaskTokenHeader));
  call.superexec = {std::string(FieldOf(header, superexec_auth::kTimestampHeader)),
                    std::string(FieldOf(header, superexec_auth::kNonceHeader)),
                    std::string(FieldOf(header, superexec_auth::kBodyHeader)),
                    std::string(FieldOf(header, superexec_auth::kSignatureHeader))};
  StatusOr<ApiReply> reply = co_await api.Handle(std::move(call), caller);
  co_return ToResponse(name.path, std::move(reply));
}

}  // namespace

void AddRuntimeRoutes(RuntimeApi& api, HttpRouter& router) {
  for (const RuntimeRpcName& name : RuntimeRpcNames()) {
    router.Add("/v1/runtime/" + std::string(name.path), "POST",
               [&api, &name](const HttpHeader& header, Bytes body, Caller& caller) {
                 return HandleRuntimeCall(api, name, header, std::move(body), caller);
               });
  }
}

}  // namespace flwrcpp::internal
