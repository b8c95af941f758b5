// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Codes of Flower's error catalogue that a node acts upon.
namespace flower_code {
inline constexpr int kKeyAlreadyRegistered = 23;
inline constexpr int kVersionIncompatible = 1001;
inline constexpr int kActivationRefused = 2004;  ///< Unknown key, or the node is online.
}  // namespace flower_code

/// The catalogue code that came with an error, if one did.
std::optional<int> FlowerCode(const Status& status);

/// An error the SuperLink answered over HTTP.
/// @param body its JSON text; anything else is quoted in part.
Status StatusFromHttp(long http_status, std::string_view body);

/// An error the SuperLink answered over gRPC.
/// @param details what gRPC calls the error message; JSON since Flower 1.33.
Status StatusFromGrpc(int grpc_code, std::string_view details);

/// `kUnavailable` that no repetition can heal, such as a certificate that is not trusted.
Status PermanentFailure(std::string text);

/// `kUnavailable` because what answered does not speak HTTP.
Status NoHttpAnswer(std::string text);
bool IsNoHttpAnswer(const Status& status);

/// Whether the same call may succeed later: `kUnavailable` but for permanent failures.
bool IsRetryable(const Status& status);

}  // namespace flwrcpp::internal
