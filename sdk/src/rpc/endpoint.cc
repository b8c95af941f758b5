// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/endpoint.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <charconv>
#include <string_view>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kMaxHost = 255;

Status CheckAddress(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  const auto refused = [&] {
    return InvalidArgument("SuperLink address '{}' is not of the form host:port", address);
  };
  if (colon == std::string_view::npos) return refused();
  std::string_view host = address.substr(0, colon);
  const std::string_view port_text = address.substr(colon + 1);
  std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    allowed = "abcdefABCDEF0123456789:.";
  }
  unsigned port = 0;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  const bool whole = error == std::errc() && end == port_text.data() + port_text.size();
  if (!whole || port == 0 || port > 65535 || host.empty() || host.size() > kMaxHost ||
      host.find_first_not_of(allowed) != std::string_view::npos) {
    return refused();
  }
  return absl::OkStatus();
}

Status CheckCertificates(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  // Without a callback OpenSSL would ask for the passphrase of an encrypted one at the terminal.
  const auto refuse = [](char*, int, int, void*) { return -1; };
  X509* const certificate = PEM_read_bio_X509(bio, nullptr, refuse, nullptr);
  const bool found = certificate != nullptr;
  X509_free(certificate);
  BIO_free(bio);
  ERR_clear_error();
  if (!found) return InvalidArgument("root certificates hold no certificate in PEM format");
  return absl::OkStatus();
}

}  // namespace

Status CheckEndpoint(const Endpoint& endpoint) {
  FLWRCPP_RETURN_IF_ERROR(CheckAddress(endpoint.address));
  if (endpoint.root_certificates.empty()) return absl::OkStatus();
  if (endpoint.insecure) {
    return InvalidArgument("both plain text (insecure) and root certificates are asked for");
  }
  return CheckCertificates(endpoint.root_certificates);
}

}  // namespace flwrcpp::internal
