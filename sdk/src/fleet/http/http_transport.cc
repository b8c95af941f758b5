// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <curl/curl.h>
#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <new>
#include <vector>

#include "crypto/encoding.h"
#include "fleet/fleet_status.h"
#include "fleet/fleet_transport.h"
#include "fleet/http/curl_call.h"
#include "flwrcpp/version.h"
#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

constexpr long kMaxRedirects = 5;
constexpr long kConnectTimeoutSeconds = 10;

/// Lets curl set itself up once a process; never undone, for others may use curl as well.
void InitializeCurl() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) throw std::bad_alloc();
}

/// Options that are the same for all calls.
void SetUp(CURL* easy, const TransportOptions& options) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const char* const schemes = options.insecure ? "http" : "https";
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes);
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  if (!options.root_certificates.empty()) {
    curl_blob blob{const_cast<char*>(options.root_certificates.data()),
                   options.root_certificates.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    // Without this the system's certificates would be trusted beside the given ones.
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
  }
}

class HttpTransport final : public FleetTransport {
 public:
  explicit HttpTransport(const TransportOptions& options)
      : options_(options), origin_((options.insecure ? "http://" : "https://") + options.address) {
    InitializeCurl();
  }

  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token stop) override {
    std::unique_ptr<CurlHandle> handle = Acquire();
    CurlCall attempt(handle->easy(), origin_, call, Headers(call.credentials));
    StatusOr<Bytes> answer = attempt.Perform(handle->multi(), stop);
    NoteVersionMessage(handle->easy());
    Release(std::move(handle));
    return answer;
  }

  std::string_view wire() const override { return "http"; }

 private:
  static HeaderList Headers(const NodeCredentials& credentials) {
    HeaderList headers;
    headers.Add("content-type", "application/protobuf");
    headers.Add("accept", "application/protobuf");
    headers.Add("flwr-package-name", "flwr");
    headers.Add("flwr-package-version", FlowerVersion());
    headers.Add("flwr-component-name", "SuperNode");
    headers.Add(node_auth::kPublicKeyHeader, Base64Encode(credentials.public_pem));
    headers.Add(node_auth::kTimestampHeader, credentials.timestamp);
    headers.Add(node_auth::kSignatureHeader, Base64Encode(credentials.signature));
    headers.AddRaw("Expect:");  // a round trip for nothing
    return headers;
  }

  /// The handle used last: its connection is the one most likely still open.
  std::unique_ptr<CurlHandle> Acquire() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<CurlHandle> handle = std::move(idle_.back());
        idle_.pop_back();
        return handle;
      }
    }
    auto handle = std::make_unique<CurlHandle>();
    SetUp(handle->easy(), options_);
    return handle;
  }

  void Release(std::unique_ptr<CurlHandle> handle) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(handle));
  }

  void NoteVersionMessage(CURL* easy) {
    curl_header* header = nullptr;
    if (curl_easy_header(easy, "flwr-version-incompatibility-message", 0, CURLH_HEADER, -1,
                         &header) == CURLHE_OK &&
        !version_noted_.exchange(true)) {
      Log(LogLevel::kWarning, "The SuperLink says: {}", header->value);
    }
  }

  const TransportOptions options_;
  const std::string origin_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<CurlHandle>> idle_;
  std::atomic<bool> version_noted_{false};
};

}  // namespace

std::unique_ptr<FleetTransport> MakeHttpTransport(const TransportOptions& options) {
  return std::make_unique<HttpTransport>(options);
}

}  // namespace flwrcpp::internal
