// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/fleet_routes.h"

#include <absl/strings/match.h>

#include <string>
#include <utility>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "superlink/fleet_error.h"

namespace flwrcpp::internal {
namespace {

constexpr std::string_view kProtobufType = "application/protobuf";

/// What peers see of every failed authentication, as stock answers.
constexpr std::string_view kNotAuthenticated = "Invalid SuperNode authentication";

bool IsProtobufType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return absl::EqualsIgnoreCase(absl::string_view(type.data(), type.size()),
                                absl::string_view(kProtobufType.data(), kProtobufType.size()));
}

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

HttpResponse ErrorResponse(const Status& status) {
  if (status.code() == StatusCode::kUnauthenticated) return HttpRefusal(401, kNotAuthenticated);
  HttpResponse response;
  response.status = HttpStatusOf(status);
  response.content_type = "application/json";
  response.front = HttpErrorBody(status);
  return response;
}

HttpResponse ToResponse(std::string_view path, StatusOr<FleetReply> reply) {
  if (!reply.ok()) {
    Log(LogLevel::kDebug, "{} is answered by {}", path, reply.status().ToString());
    return ErrorResponse(reply.status());
  }
  HttpResponse response;
  response.content_type = std::string(kProtobufType);
  response.front = std::move(reply->front);
  response.object_head = std::move(reply->object_head);
  response.object_body = std::move(reply->object_body);
  response.on_lost = std::move(reply->on_lost);
  return response;
}

boost::asio::awaitable<HttpResponse> HandleFleetCall(FleetApi& api, const FleetRpcName& name,
                                                     const HttpHeader& header, Bytes body,
                                                     Caller& caller) {
  if (!IsProtobufType(FieldOf(header, "content-type"))) {
    co_return ErrorResponse(FleetError(FleetErrorCode::kUnsupportedContentType, ""));
  }
  StatusOr<NodeCredentials> credentials = ReadCredentials(header);
  if (!credentials.ok()) {
    credentials = MakeError(StatusCode::kUnauthenticated, "{}", kNotAuthenticated);
  }
  FleetRequest call{name.rpc, std::move(body), std::move(credentials)};
  StatusOr<FleetReply> reply = co_await api.Handle(std::move(call), caller);
  co_return ToResponse(name.path, std::move(reply));
}

}  // namespace

void AddFleetRoutes(FleetApi& api, HttpRouter& router) {
  for (const FleetRpcName& name : FleetRpcNames()) {
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
