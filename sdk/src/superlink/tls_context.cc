// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/tls_context.h"

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <string>

#include "internal/errors.h"

namespace flwrcpp::internal {

namespace asio = boost::asio;
using boost::system::error_code;

StatusOr<std::unique_ptr<asio::ssl::context>> MakeTlsContext(const ServerCertificate& certificate) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  // Idle connections keep no buffers: thousands of nodes wait most of the time.
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  // Without this OpenSSL asks at the terminal for the password of an encrypted key.
  context->set_password_callback(
      [](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });
  error_code error;
  context->use_certificate_chain(asio::buffer(certificate.chain), error);
  if (error) {
    return InvalidArgument("the certificate is not a PEM certificate chain: {}", error.message());
  }
  context->use_private_key(asio::buffer(certificate.private_key), asio::ssl::context::pem, error);
  if (error) {
    return InvalidArgument("the certificate's key is not an unencrypted PEM key that fits: {}",
                           error.message());
  }
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    return InvalidArgument("the certificate and the private key do not belong together");
  }
  return context;
}

}  // namespace flwrcpp::internal
