// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/listen.h"

#include <boost/asio/strand.hpp>

#include "internal/errors.h"

namespace flwrcpp::internal {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

StatusOr<tcp::acceptor> Listen(asio::io_context& io, const std::string& host, std::uint16_t port) {
  error_code error;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return InvalidArgument("cannot listen on host '{}': {}", host, error.message());
  }
  const tcp::endpoint endpoint = found.begin()->endpoint();

  tcp::acceptor acceptor(asio::make_strand(io));
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error == asio::error::address_in_use) {
    return MakeError(StatusCode::kUnavailable, "{}:{} is already in use", host, port);
  }
  if (error) {
    return MakeError(StatusCode::kUnavailable, "cannot listen on {}:{}: {}", host, port,
                     error.message());
  }
  return acceptor;
}

}  // namespace flwrcpp::internal
