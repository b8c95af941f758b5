// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/control_routes.h"

#include <absl/strings/match.h>

#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "superlink/api_error.h"
#include "superlink/api_reply.h"
#include "superlink/http/protobuf_call.h"
#include "superlink/log_stream.h"

namespace flwrcpp::internal {
namespace {

/// Who must be known to make a call.
enum class Access {
  kAccount,           ///< The one account, for which no or any token does.
  kSensitiveAccount,  ///< The same; the answer must not be kept anywhere.
  kLogin,             ///< Nobody: one becomes known by this call. Not to be kept either.
};

struct ControlRoute {
  const char* path;  ///< Last part of the path.
  Access access;
  /// Answers a request; null for a call that is not served here.
  StatusOr<ApiReply> (*answer)(ControlService& service, const Bytes& body);
};

template <typename Method>
struct MethodTraits;
template <typename Response, typename Request>
struct MethodTraits<StatusOr<Response> (ControlService::*)(const Request&)> {
  using RequestType = Request;
};

/// Has a method of the service answer a request.
template <auto kMethod>
StatusOr<ApiReply> Answer(ControlService& service, const Bytes& body) {
  const auto request = ParseRequest<typename MethodTraits<decltype(kMethod)>::RequestType>(body);
  if (!request.ok()) return request.status();
  return Serialize((service.*kMethod)(*request));
}

using Service = ControlService;

constexpr ControlRoute kRoutes[] = {
    {"start-run", Access::kAccount, Answer<&Service::StartRun>},
    {"list-runs", Access::kAccount, Answer<&Service::ListRuns>},
    {"stop-run", Access::kAccount, Answer<&Service::StopRun>},
    {"pull-artifacts", Access::kAccount, Answer<&Service::PullArtifacts>},
    {"register-node", Access::kAccount, Answer<&Service::RegisterNode>},
    {"unregister-node", Access::kAccount, Answer<&Service::UnregisterNode>},
    {"list-nodes", Access::kAccount, Answer<&Service::ListNodes>},
    {"list-federations", Access::kAccount, Answer<&Service::ListFederations>},
    {"show-federation", Access::kAccount, Answer<&Service::ShowFederation>},
    {"configure-simulation-federation", Access::kAccount,
     Answer<&Service::ConfigureSimulationFederation>},
    {"get-login-details", Access::kLogin, Answer<&Service::GetLoginDetails>},
    {"get-auth-tokens", Access::kLogin, Answer<&Service::GetAuthTokens>},
    {"refresh-auth-tokens", Access::kLogin, Answer<&Service::RefreshAuthTokens>},
    {"create-federation", Access::kAccount, nullptr},
    {"archive-federation", Access::kAccount, nullptr},
    {"set-federation-icon", Access::kAccount, nullptr},
    {"add-node-to-federation", Access::kAccount, nullptr},
    {"remove-node-from-federation", Access::kAccount, nullptr},
    {"remove-account-from-federation", Access::kAccount, nullptr},
    {"create-invitation", Access::kAccount, nullptr},
    {"list-invitations", Access::kAccount, nullptr},
    {"accept-invitation", Access::kAccount, nullptr},
    {"reject-invitation", Access::kAccount, nullptr},
    {"revoke-invitation", Access::kAccount, nullptr},
    {"list-apps", Access::kAccount, nullptr},
    {"list-app-associations", Access::kAccount, nullptr},
    {"add-app", Access::kAccount, nullptr},
    {"remove-app", Access::kAccount, nullptr},
    {"list-connectors", Access::kAccount, nullptr},
    {"disconnect-connector", Access::kAccount, nullptr},
    {"begin-connector-oauth", Access::kSensitiveAccount, nullptr},
    {"complete-connector-oauth", Access::kSensitiveAccount, nullptr},
    {"list-run-series", Access::kAccount, nullptr},
    {"get-run-series", Access::kAccount, nullptr},
    {"update-run-series-description", Access::kAccount, nullptr},
    {"list-run-series-events", Access::kAccount, nullptr},
    {"stream-run-events", Access::kAccount, nullptr},
    {"start-automation", Access::kAccount, nullptr},
    {"list-automations", Access::kAccount, nullptr},
    {"stop-automation", Access::kAccount, nullptr},
};

constexpr char kStreamLogsPath[] = "/v1/control/stream-logs";

/// Whether a request shows no token, or one in the form that tokens have. There are no accounts
/// that one could belong to.
bool IsAuthorized(const HttpHeader& header) {
  const auto [begin, end] = header.equal_range("authorization");
  if (begin == end) return true;
  if (std::next(begin) != end) return false;
  const std::string_view value(begin->value().data(), begin->value().size());
  const std::size_t space = value.find(' ');
  const std::string_view scheme = value.substr(0, space);
  return space != std::string_view::npos && space + 1 < value.size() &&
         absl::EqualsIgnoreCase(absl::string_view(scheme.data(), scheme.size()), "bearer");
}

/// Stock tools try to renew their token after this answer.
HttpResponse NotAuthenticated() {
  HttpResponse response = HttpRefusal(401, "Not authenticated");
  response.fields = "WWW-Authenticate: Bearer\r\n";
  return response;
}

HttpResponse AnswerCall(ControlService& service, const ControlRoute& route,
                        const HttpHeader& header, const Bytes& body) {
  if (route.access != Access::kLogin && !IsAuthorized(header)) return NotAuthenticated();
  if (const Status type = CheckProtobufType(header); !type.ok()) return ErrorResponse(type);
  if (route.answer == nullptr) {
    return ErrorResponse(ApiError(ApiErrorCode::kNoFederationManagement, ""));
  }
  return ToResponse(route.path, route.answer(service, body));
}

HttpResponse AnswerStreamLogs(ControlService& service, Notifier& notifier, const HttpHeader& header,
                              const Bytes& body) {
  if (!IsAuthorized(header)) return NotAuthenticated();
  if (const Status type = CheckProtobufType(header); !type.ok()) return ErrorResponse(type);
  const auto request = ParseRequest<flwr::proto::StreamLogsRequest>(body);
  if (!request.ok()) return ErrorResponse(request.status());
  const Status found = service.FindRun(request->run_id()).status();
  if (!found.ok()) return ToResponse(kStreamLogsPath, found);

  const auto log =
      std::make_shared<LogStream>(service, notifier, request->run_id(), request->after_timestamp());
  HttpResponse response;
  response.content_type = std::string(kProtobufStreamType);
  response.stream = [log](Caller& caller) { return log->Next(caller); };
  return response;
}

}  // namespace

void AddControlRoutes(ControlService& service, Notifier& notifier, HttpRouter& router) {
  for (const ControlRoute& route : kRoutes) {
    router.Add("/v1/control/" + std::string(route.path), "POST",
               [&service, &route](const HttpHeader& header, Bytes body,
                                  Caller&) -> boost::asio::awaitable<HttpResponse> {
                 HttpResponse response = AnswerCall(service, route, header, body);
                 if (route.access != Access::kAccount) {
                   response.fields += "Cache-Control: no-store\r\nPragma: no-cache\r\n";
                 }
                 co_return response;
               });
  }
  router.Add(kStreamLogsPath, "POST",
             [&service, &notifier](const HttpHeader& header, Bytes body,
                                   Caller&) -> boost::asio::awaitable<HttpResponse> {
               co_return AnswerStreamLogs(service, notifier, header, body);
             });
}

}  // namespace flwrcpp::internal
