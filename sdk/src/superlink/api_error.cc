// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/api_error.h"

#include <absl/strings/cord.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace flwrcpp::internal {
namespace {

/// The catalogue's number travels in a status as this payload.
constexpr char kCodePayload[] = "flwrcpp/api-error-code";

struct CatalogueEntry {
  ApiErrorCode code;
  int http_status;
  StatusCode status;
  const char* text;
};

constexpr std::array kCatalogue = {
    CatalogueEntry{ApiErrorCode::kNoFederationManagement, 501, StatusCode::kUnimplemented,
                   "This SuperLink does not manage federations."},
    CatalogueEntry{ApiErrorCode::kFederationNotFound, 404, StatusCode::kNotFound,
                   "There is no such federation here."},
    CatalogueEntry{ApiErrorCode::kRunCreationFailed, 500, StatusCode::kInternal,
                   "The run could not be created."},
    CatalogueEntry{ApiErrorCode::kInvalidRunConfig, 412, StatusCode::kFailedPrecondition,
                   "The run config does not fit the app."},
    CatalogueEntry{ApiErrorCode::kRunNotFound, 404, StatusCode::kNotFound,
                   "There is no run with this id."},
    CatalogueEntry{ApiErrorCode::kRunAlreadyFinished, 412, StatusCode::kFailedPrecondition,
                   "The run has finished already."},
    CatalogueEntry{ApiErrorCode::kNoAccountAuthentication, 501, StatusCode::kUnimplemented,
                   "This SuperLink knows no accounts."},
    CatalogueEntry{ApiErrorCode::kNoArtifactProvider, 501, StatusCode::kUnimplemented,
                   "This SuperLink provides no artifacts."},
    CatalogueEntry{ApiErrorCode::kInvalidPublicKey, 412, StatusCode::kFailedPrecondition,
                   "The public key is no elliptic-curve key on a curve of NIST."},
    CatalogueEntry{ApiErrorCode::kNodeNotFound, 404, StatusCode::kNotFound,
                   "There is no SuperNode with this id."},
    CatalogueEntry{ApiErrorCode::kNotInFederation, 412, StatusCode::kFailedPrecondition,
                   "This belongs to another federation."},
    CatalogueEntry{ApiErrorCode::kInvalidAppSpec, 412, StatusCode::kFailedPrecondition,
                   "The app is not named as @account/app or @account/app==x.y.z."},
    CatalogueEntry{ApiErrorCode::kAppNotFound, 412, StatusCode::kFailedPrecondition,
                   "This SuperLink takes no apps from Flower Hub: run a local app."},
    CatalogueEntry{ApiErrorCode::kAppDownloadFailed, 412, StatusCode::kFailedPrecondition,
                   "The app is not kept here."},
    CatalogueEntry{ApiErrorCode::kAccountAuthenticationFailed, 401, StatusCode::kUnauthenticated,
                   "The account could not be authenticated."},
    CatalogueEntry{ApiErrorCode::kPromptRequired, 400, StatusCode::kInvalidArgument,
                   "The app needs a prompt."},
    CatalogueEntry{ApiErrorCode::kInvalidLocation, 400, StatusCode::kInvalidArgument,
                   "The location is not given as latitude,longitude."},
    CatalogueEntry{ApiErrorCode::kVersionIncompatible, 412, StatusCode::kFailedPrecondition,
                   "The release of Flower does not fit this SuperLink."},
    CatalogueEntry{ApiErrorCode::kRuntimeAuthentication, 401, StatusCode::kUnauthenticated,
                   "The credentials are not, or no longer, valid."},
    CatalogueEntry{ApiErrorCode::kTaskStartFailed, 412, StatusCode::kFailedPrecondition,
                   "The task cannot be started."},
    CatalogueEntry{ApiErrorCode::kUnexpectedNodeId, 412, StatusCode::kFailedPrecondition,
                   "The node id is not that of a ServerApp."},
    CatalogueEntry{ApiErrorCode::kEndpointUnavailable, 403, StatusCode::kPermissionDenied,
                   "This call is not available here."},
    CatalogueEntry{ApiErrorCode::kSeriesContextNotFound, 404, StatusCode::kNotFound,
                   "The run series has no context."},
    CatalogueEntry{ApiErrorCode::kFabNotFound, 404, StatusCode::kNotFound, "The run has no FAB."},
    CatalogueEntry{ApiErrorCode::kRunIdMismatch, 403, StatusCode::kPermissionDenied,
                   "The run is not the one that the credentials are for."},
    CatalogueEntry{ApiErrorCode::kPublicKeyInUse, 412, StatusCode::kFailedPrecondition,
                   "This public key has been registered before."},
    CatalogueEntry{ApiErrorCode::kUnsupportedContentType, 415, StatusCode::kInvalidArgument,
                   "The content type must be application/protobuf."},
    CatalogueEntry{ApiErrorCode::kInvalidProtobuf, 400, StatusCode::kInvalidArgument,
                   "The body is not the protobuf message of this call."},
    CatalogueEntry{ApiErrorCode::kRegistrationDisabled, 412, StatusCode::kFailedPrecondition,
                   "SuperNodes cannot register themselves here: their keys are registered with "
                   "the SuperLink beforehand."},
    CatalogueEntry{ApiErrorCode::kUnregistrationDisabled, 412, StatusCode::kFailedPrecondition,
                   "SuperNodes cannot unregister themselves here: that is done at the SuperLink."},
    CatalogueEntry{ApiErrorCode::kInvalidHeartbeatInterval, 400, StatusCode::kInvalidArgument,
                   "The heartbeat interval is out of bounds."},
    CatalogueEntry{ApiErrorCode::kActivationFailed, 412, StatusCode::kFailedPrecondition,
                   "The SuperNode could not be activated."},
    CatalogueEntry{ApiErrorCode::kDeactivationFailed, 412, StatusCode::kFailedPrecondition,
                   "The SuperNode could not be deactivated."},
    CatalogueEntry{ApiErrorCode::kUnregistrationFailed, 412, StatusCode::kFailedPrecondition,
                   "The SuperNode could not be unregistered."},
    CatalogueEntry{ApiErrorCode::kRunStatusNotAllowed, 403, StatusCode::kPermissionDenied,
                   "The run is not running."},
    CatalogueEntry{ApiErrorCode::kGetRunFailed, 403, StatusCode::kPermissionDenied,
                   "The run is not available to this SuperNode."},
    CatalogueEntry{ApiErrorCode::kGetFabFailed, 403, StatusCode::kPermissionDenied,
                   "The FAB is not available to this SuperNode."},
};

const CatalogueEntry* FindEntry(ApiErrorCode code) {
  const auto* found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                                   [code](const CatalogueEntry& e) { return e.code == code; });
  return found == kCatalogue.end() ? nullptr : found;
}

const CatalogueEntry* EntryOf(const Status& status) {
  const std::optional<ApiErrorCode> code = ApiErrorCodeOf(status);
  return code ? FindEntry(*code) : nullptr;
}

/// Whether the text was written for the peer; others may tell what is none of its business.
bool IsMeantForPeers(StatusCode code) {
  return code == StatusCode::kInvalidArgument || code == StatusCode::kUnauthenticated ||
         code == StatusCode::kPermissionDenied || code == StatusCode::kFailedPrecondition ||
         code == StatusCode::kUnimplemented;
}

std::string PublicText(const Status& status) {
  if (IsMeantForPeers(status.code())) return std::string(status.message());
  return status.code() == StatusCode::kUnavailable ? "The SuperLink cannot answer now."
                                                   : "The SuperLink failed to answer.";
}

/// JSON text of what may contain a peer's bytes: never throws for broken UTF-8.
std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Status ApiError(ApiErrorCode code, const std::string& extra) {
  const CatalogueEntry* entry = FindEntry(code);
  Status status(entry->status, extra);
  status.SetPayload(kCodePayload, absl::Cord(std::to_string(static_cast<int>(code))));
  return status;
}

std::optional<ApiErrorCode> ApiErrorCodeOf(const Status& status) {
  const auto payload = status.GetPayload(kCodePayload);
  if (!payload.has_value()) return std::nullopt;
  return static_cast<ApiErrorCode>(std::stoi(std::string(*payload)));
}

int HttpStatusOf(const Status& status) {
  if (const CatalogueEntry* entry = EntryOf(status)) return entry->http_status;
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
      return 400;
    case StatusCode::kUnauthenticated:
      return 401;
    case StatusCode::kPermissionDenied:
      return 403;
    case StatusCode::kFailedPrecondition:
      return 412;
    case StatusCode::kUnimplemented:
      return 501;
    case StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

std::string HttpErrorBody(const Status& status) {
  nlohmann::ordered_json body;
  if (const CatalogueEntry* entry = EntryOf(status)) {
    body["code"] = static_cast<int>(entry->code);
    body["detail"] = entry->text;
    if (!status.message().empty()) body["extra"] = std::string(status.message());
  } else {
    body["detail"] = PublicText(status);
  }
  return Dump(body);
}

std::string GrpcErrorMessage(const Status& status) {
  const CatalogueEntry* entry = EntryOf(status);
  if (entry == nullptr) return PublicText(status);
  nlohmann::ordered_json message;
  message["code"] = static_cast<int>(entry->code);
  message["public_message"] = entry->text;
  if (status.message().empty()) {
    message["public_details"] = nullptr;
  } else {
    message["public_details"] = std::string(status.message());
  }
  return Dump(message);
}

}  // namespace flwrcpp::internal
