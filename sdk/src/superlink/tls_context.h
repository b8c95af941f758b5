// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "flwrcpp/status.h"
#include "superlink/server_certificate.h"

namespace flwrcpp::internal {

/// What TLS connections of a server begin with: its certificate; TLS 1.2 or newer; no ALPN, as
/// stock SuperLinks have none.
/// @return `kInvalidArgument` for texts that are no certificate and key, or do not fit together.
StatusOr<std::unique_ptr<boost::asio::ssl::context>> MakeTlsContext(
    const ServerCertificate& certificate);

}  // namespace flwrcpp::internal
