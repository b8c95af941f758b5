// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/fleet_routes.h"

#include <string>
#include <utility>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/releases.h"
#include "internal/status_macros.h"
#include "superlink/http/protobuf_call.h"

namespace flwrcpp::internal {
namespace {

/// What peers see of every failed authentication, as stock answers.
constexpr std::string_view kNotAuthenticated = "Invalid SuperNode authentication";

/// The signature on a request. HTTP carries key and signature in base64.
StatusOr<NodeCredentials> ReadCredentials(const HttpHeader& header) {
  NodeCredentials credentials;
  FLWRCPP_ASSIGN_OR_RETURN(credentials.public_pem,
                           Base64Decode(FieldOf(header, node_auth::kPublicKeyHeader)));
  FLWRCPP_ASSIGN_OR_RETURN(credentials.signature,
                           Base64Decode(FieldOf(header, node_auth::kSignatureHeader)));
  credentials.timestamp = std::string(FieldOf(header, node_auth::kTimestampHeader));
  return credentials;
}

/// Stock answers every failed authentication alike.
HttpResponse ToFleetResponse(std::string_view path, StatusOr<ApiReply> reply) {
  if (reply.status().code() != StatusCode::kUnauthenticated) {
    return ToResponse(path, std::move(reply));
  }
  Log(LogLevel::kDebug, "{} is answered by {}", path, reply.status().ToString());
  return HttpRefusal(401, kNotAuthenticated);
}

boost::asio::awaitable<HttpResponse> HandleFleetCall(FleetApi& api, const FleetRpcName& name,
                                                     const HttpHeader& header, Bytes body,
                                                     Caller& caller) {
  if (const Status type = CheckProtobufType(header); !type.ok()) co_return ErrorResponse(type);
  StatusOr<NodeCredentials> credentials = ReadCredentials(header);
  if (!credentials.ok()) {
    credentials = MakeError(StatusCode::kUnauthenticated, "{}", kNotAuthenticated);
  }
  if (name.rpc == FleetRpc::kActivateNode) {
    WarnOfNewRelease("a SuperNode", FieldOf(header, "flwr-package-version"));
  }
  FleetRequest call{name.rpc, std::move(body), std::move(credentials)};
  StatusOr<ApiReply> reply = co_await api.Handle(std::move(call), caller);
  co_return ToFleetResponse(name.path, std::move(reply));
}

}  // namespace

void AddFleetRoutes(FleetApi& api, HttpRouter& router) {
  for (const FleetRpcName& name : FleetRpcNames()) {
    if (name.path.empty()) continue;
    router.Add("/v1/fleet/" + std::string(name.path), "POST",
               [&api, &name](const HttpHeader& header, Bytes body, Caller& caller) {
                 return HandleFleetCall(api, name, header, std::move(body), caller);
               });
  }
}

void AddHealthRoute(HttpRouter& router) {
  router.Add("/health", "GET",
             [](const HttpHeader&, Bytes, Caller&) -> boost::asio::awaitable<HttpResponse> {
               co_return HttpResponse();
             });
}

}  // namespace flwrcpp::internal
