// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <curl/curl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "rpc/http_channel.h"

namespace flwrcpp::internal {

/// One curl transfer at a time with its own connection. The multi interface serves only to make
/// a transfer stoppable at any moment.
class CurlHandle {
 public:
  CurlHandle();
  ~CurlHandle();
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;

  CURL* easy() const { return easy_; }
  CURLM* multi() const { return multi_; }

 private:
  CURL* easy_;
  CURLM* multi_;
};

/// Request headers.
class HeaderList {
 public:
  void Add(std::string_view name, std::string_view value);
  void AddRaw(const char* line);
  curl_slist* get() const { return list_.get(); }

 private:
  struct Free {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::unique_ptr<curl_slist, Free> list_;
};

/// One POST.
class CurlCall {
 public:
  CurlCall(CURL* easy, const std::string& origin, const HttpCall& call, HeaderList headers);
  CurlCall(const CurlCall&) = delete;
  CurlCall& operator=(const CurlCall&) = delete;

  /// Makes the transfer. Call once.
  StatusOr<Bytes> Perform(CURLM* multi, std::stop_token stop);

 private:
  static std::size_t ReadBody(char* buffer, std::size_t size, std::size_t count, void* self);
  static int SeekBody(void* self, curl_off_t offset, int origin);
  static std::size_t WriteResponse(char* data, std::size_t size, std::size_t count, void* self);

  void SetBody();
  std::size_t Append(std::string_view bytes);
  CURLcode Transfer(CURLM* multi, std::stop_token stop);
  bool WasStale(CURLcode code) const;
  StatusOr<Bytes> TakeAnswer();
  Status Explain(CURLcode code) const;

  CURL* const easy_;
  const std::string& origin_;
  const HttpCall& call_;
  const HeaderList headers_;
  std::array<char, CURL_ERROR_SIZE> error_{};

  std::size_t body_size_ = 0;
  std::string small_body_;  // pieces of a short request, joined to leave in one packet
  std::size_t piece_ = 0;   // position of ReadBody
  std::size_t offset_ = 0;

  std::shared_ptr<char[]> block_;  ///< The response, if its length was announced.
  std::size_t block_size_ = 0;
  std::size_t block_used_ = 0;
  std::string response_;  ///< Else; and the text of an error.
  bool response_began_ = false;
  bool response_too_long_ = false;
};

}  // namespace flwrcpp::internal
