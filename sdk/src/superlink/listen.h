// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A socket that listens at an address; port 0 lets the system choose. Its executor is a strand.
/// @return `kUnavailable` when the address is taken or not of this machine; `kInvalidArgument` for
///   an unknown host.
StatusOr<boost::asio::ip::tcp::acceptor> Listen(boost::asio::io_context& io,
                                                const std::string& host, std::uint16_t port);

}  // namespace flwrcpp::internal
