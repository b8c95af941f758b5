// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Numbers of Flower's error catalogue that we use. They are on the wire.
enum class ApiErrorCode : int {
  kNoFederationManagement = 1,
  kFederationNotFound = 2,
  kRunCreationFailed = 14,
  kInvalidRunConfig = 15,
  kRunNotFound = 16,
  kRunAlreadyFinished = 18,
  kNoAccountAuthentication = 19,
  kNoArtifactProvider = 20,
  kInvalidPublicKey = 22,
  kPublicKeyInUse = 23,
  kNodeNotFound = 24,
  kNotInFederation = 25,
  kInvalidAppSpec = 33,
  kAppNotFound = 34,
  kAppDownloadFailed = 35,
  kAccountAuthenticationFailed = 36,
  kPromptRequired = 44,
  kInvalidLocation = 45,
  kVersionIncompatible = 1001,
  kUnsupportedContentType = 1002,
  kInvalidProtobuf = 1003,
  kRuntimeAuthentication = 1008,
  kRegistrationDisabled = 2001,
  kUnregistrationDisabled = 2002,
  kInvalidHeartbeatInterval = 2003,
  kActivationFailed = 2004,
  kDeactivationFailed = 2005,
  kUnregistrationFailed = 2006,
  kRunStatusNotAllowed = 2007,
  kGetRunFailed = 2008,
  kGetFabFailed = 2009,
  kTaskStartFailed = 3002,
  kUnexpectedNodeId = 3004,
  kEndpointUnavailable = 3005,
  kSeriesContextNotFound = 3011,
  kFabNotFound = 3012,
  kRunIdMismatch = 3014,
};

/// A refusal of the catalogue. Its status code is the one gRPC peers see.
/// @param extra says more to the peer than the catalogue's text; may be empty.
Status ApiError(ApiErrorCode code, const std::string& extra);

/// The catalogue's number of `status`, if `ApiError` made it.
std::optional<ApiErrorCode> ApiErrorCodeOf(const Status& status);

/// How HTTP peers see a status that is not OK.
int HttpStatusOf(const Status& status);

/// The JSON body that HTTP peers get: `{"code", "detail", "extra"}`, or only `detail` for what is
/// not in the catalogue. The text of an unexpected error is not shown to peers.
std::string HttpErrorBody(const Status& status);

/// The status message that gRPC peers get: JSON with `code`, `public_message` and
/// `public_details`, or the plain text for what is not in the catalogue.
std::string GrpcErrorMessage(const Status& status);

}  // namespace flwrcpp::internal
