// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/fleet_error.h"

#include <absl/strings/cord.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace flwrcpp::internal {
namespace {

/// The catalogue's number travels in a status as this payload.
constexpr char kCodePayload[] = "flwrcpp/fleet-error-code";

struct CatalogueEntry {
  FleetErrorCode code;
  int http_status;
  StatusCode status;
  const char* text;
};

constexpr std::array kCatalogue = {
    CatalogueEntry{FleetErrorCode::kPublicKeyInUse, 412, StatusCode::kFailedPrecondition,
                   "This public key has been registered before."},
    CatalogueEntry{FleetErrorCode::kUnsupportedContentType, 415, StatusCode::kInvalidArgument,
                   "The content type must be application/protobuf."},
    CatalogueEntry{FleetErrorCode::kInvalidProtobuf, 400, StatusCode::kInvalidArgument,
                   "The body is not the protobuf message of this call."},
    CatalogueEntry{FleetErrorCode::kRegistrationDisabled, 412, StatusCode::kFailedPrecondition,
                   "SuperNodes cannot register themselves here: their keys are registered with "
                   "the SuperLink beforehand."},
    CatalogueEntry{FleetErrorCode::kUnregistrationDisabled, 412, StatusCode::kFailedPrecondition,
                   "SuperNodes cannot unregister themselves here: that is done at the SuperLink."},
    CatalogueEntry{FleetErrorCode::kInvalidHeartbeatInterval, 400, StatusCode::kInvalidArgument,
                   "The heartbeat interval is out of bounds."},
    CatalogueEntry{FleetErrorCode::kActivationFailed, 412, StatusCode::kFailedPrecondition,
                   "The SuperNode could not be activated."},
    CatalogueEntry{FleetErrorCode::kDeactivationFailed, 412, StatusCode::kFailedPrecondition,
                   "The SuperNode could not be deactivated."},
    CatalogueEntry{FleetErrorCode::kUnregistrationFailed, 412, StatusCode::kFailedPrecondition,
                   "The SuperNode could not be unregistered."},
    CatalogueEntry{FleetErrorCode::kRunStatusNotAllowed, 403, StatusCode::kPermissionDenied,
                   "The run is not running."},
    CatalogueEntry{FleetErrorCode::kGetRunFailed, 403, StatusCode::kPermissionDenied,
                   "The run is not available to this SuperNode."},
    CatalogueEntry{FleetErrorCode::kGetFabFailed, 403, StatusCode::kPermissionDenied,
                   "The FAB is not available to this SuperNode."},
};

const CatalogueEntry* FindEntry(FleetErrorCode code) {
  const auto* found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                                   [code](const CatalogueEntry& e) { return e.code == code; });
  return found == kCatalogue.end() ? nullptr : found;
}

const CatalogueEntry* EntryOf(const Status& status) {
  const std::optional<FleetErrorCode> code = FleetErrorCodeOf(status);
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

Status FleetError(FleetErrorCode code, const std::string& extra) {
  const CatalogueEntry* entry = FindEntry(code);
  Status status(entry->status, extra);
  status.SetPayload(kCodePayload, absl::Cord(std::to_string(static_cast<int>(code))));
  return status;
}

std::optional<FleetErrorCode> FleetErrorCodeOf(const Status& status) {
  const auto payload = status.GetPayload(kCodePayload);
  if (!payload.has_value()) return std::nullopt;
  return static_cast<FleetErrorCode>(std::stoi(std::string(*payload)));
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
