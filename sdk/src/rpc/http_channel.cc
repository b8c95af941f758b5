// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/http_channel.h"

#include <curl/curl.h>

#include <new>
#include <utility>

#include "flwrcpp/version.h"
#include "internal/log.h"
#include "rpc/curl_call.h"
#include "rpc/flower_status.h"

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
void SetUp(CURL* easy, const Endpoint& endpoint) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const char* const schemes = endpoint.insecure ? "http" : "https";
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes);
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  if (!endpoint.root_certificates.empty()) {
    curl_blob blob{const_cast<char*>(endpoint.root_certificates.data()),
                   endpoint.root_certificates.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    // Without this the system's certificates would be trusted beside the given ones.
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
  }
}

}  // namespace

HttpChannel::HttpChannel(const Endpoint& endpoint, std::string component)
    : endpoint_(endpoint),
      origin_((endpoint.insecure ? "http://" : "https://") + endpoint.address),
      component_(std::move(component)) {
  InitializeCurl();
}

HttpChannel::~HttpChannel() = default;

StatusOr<Bytes> HttpChannel::Post(const HttpCall& call, std::stop_token stop) {
  const bool names_release = names_release_;
  StatusOr<Bytes> answer = PostOnce(call, names_release, stop);
  if (!names_release || FlowerCode(answer.status()) != flower_code::kVersionIncompatible) {
    return answer;
  }
  // Flower's Runtime API refuses peers of another release, though these differ little since 1.40,
  // and takes those that do not say what they are. Nothing was done yet: this comes first.
  if (names_release_.exchange(false)) {
    Log(LogLevel::kWarning, "{} is of another Flower release than {}; going on nevertheless: {}",
        endpoint_.address, FlowerVersion(), std::string(answer.status().message()));
  }
  return PostOnce(call, false, std::move(stop));
}

StatusOr<Bytes> HttpChannel::PostOnce(const HttpCall& call, bool name_release,
                                      std::stop_token stop) {
  HeaderList headers;
  headers.Add("content-type", "application/protobuf");
  headers.Add("accept", "application/protobuf");
  if (name_release) {
    headers.Add("flwr-package-name", "flwr");
    headers.Add("flwr-package-version", FlowerVersion());
    headers.Add("flwr-component-name", component_);
  }
  for (const HttpHeader& header : call.headers) headers.Add(header.name, header.value);
  headers.AddRaw("Expect:");  // a round trip for nothing

  std::unique_ptr<CurlHandle> handle = Acquire();
  CurlCall attempt(handle->easy(), origin_, call, std::move(headers));
  StatusOr<Bytes> answer = attempt.Perform(handle->multi(), std::move(stop));
  NoteVersionMessage(*handle);
  Release(std::move(handle));
  return answer;
}

/// The handle used last: its connection is the one most likely still open.
std::unique_ptr<CurlHandle> HttpChannel::Acquire() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<CurlHandle> handle = std::move(idle_.back());
      idle_.pop_back();
      return handle;
    }
  }
  auto handle = std::make_unique<CurlHandle>();
  SetUp(handle->easy(), endpoint_);
  return handle;
}

void HttpChannel::Release(std::unique_ptr<CurlHandle> handle) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(handle));
}

void HttpChannel::NoteVersionMessage(const CurlHandle& handle) {
  curl_header* header = nullptr;
  if (curl_easy_header(handle.easy(), "flwr-version-incompatibility-message", 0, CURLH_HEADER, -1,
                       &header) == CURLHE_OK &&
      !version_noted_.exchange(true)) {
    Log(LogLevel::kWarning, "The SuperLink says: {}", header->value);
  }
}

}  // namespace flwrcpp::internal
