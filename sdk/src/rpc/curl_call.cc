// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/curl_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

#include "internal/block.h"
#include "internal/errors.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

/// Requests up to this size are sent together with their head.
constexpr std::size_t kSmallBody = 16 * 1024;
/// Buffers for calls that move objects, and for all others.
constexpr long kLargeBuffer = 512 * 1024;
constexpr long kSmallBuffer = 16 * 1024;
/// Most of an error's body that is read.
constexpr std::size_t kMaxErrorBody = 64 * 1024;
constexpr int kPollMilliseconds = 1000;
constexpr long kHttpOk = 200;

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

CurlHandle::CurlHandle() : easy_(curl_easy_init()), multi_(curl_multi_init()) {
  if (easy_ == nullptr || multi_ == nullptr) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 2L);
}

CurlHandle::~CurlHandle() {
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

void HeaderList::Add(std::string_view name, std::string_view value) {
  AddRaw(fmt::format("{}: {}", name, value).c_str());
}

void HeaderList::AddRaw(const char* line) {
  curl_slist* const longer = curl_slist_append(list_.get(), line);
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list_.release());  // `longer` begins with it
  list_.reset(longer);
}

CurlCall::CurlCall(CURL* easy, const std::string& origin, const HttpCall& call, HeaderList headers)
    : easy_(easy), origin_(origin), call_(call), headers_(std::move(headers)) {
  const std::string url = origin + std::string(call.method.http_path);
  curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, WriteResponse);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE,
                   call.method.large_response ? kLargeBuffer : kSmallBuffer);
  // The timeout is for silence, not for the whole call: a slow link may take long for an object.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(call.method.timeout);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds.count()));
  SetBody();
}

void CurlCall::SetBody() {
  for (const Bytes& piece : call_.body) body_size_ += piece.size();
  curl_easy_setopt(easy_, CURLOPT_POST, 1L);
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_size_));
  if (body_size_ <= kSmallBody) {
    for (const Bytes& piece : call_.body) small_body_ += piece.view();
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, small_body_.c_str());
    return;
  }
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, nullptr);
  curl_easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, kLargeBuffer);
  curl_easy_setopt(easy_, CURLOPT_READFUNCTION, ReadBody);
  curl_easy_setopt(easy_, CURLOPT_READDATA, this);
  curl_easy_setopt(easy_, CURLOPT_SEEKFUNCTION, SeekBody);
  curl_easy_setopt(easy_, CURLOPT_SEEKDATA, this);
}

std::size_t CurlCall::ReadBody(char* buffer, std::size_t size, std::size_t count, void* self) {
  CurlCall& call = *static_cast<CurlCall*>(self);
  const std::size_t room = size * count;
  std::size_t written = 0;
  while (written < room && call.piece_ < call.call_.body.size()) {
    const std::string_view rest = call.call_.body[call.piece_].view().substr(call.offset_);
    const std::size_t length = std::min(rest.size(), room - written);
    std::memcpy(buffer + written, rest.data(), length);
    written += length;
    call.offset_ += length;
    if (length == rest.size()) {
      ++call.piece_;
      call.offset_ = 0;
    }
  }
  return written;
}

/// curl goes back to the start for redirects, and for connections that turn out to be closed.
int CurlCall::SeekBody(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
  CurlCall& call = *static_cast<CurlCall*>(self);
  call.piece_ = 0;
  call.offset_ = 0;
  return CURL_SEEKFUNC_OK;
}

std::size_t CurlCall::WriteResponse(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<CurlCall*>(self)->Append({data, size * count});
}

/// @return how many bytes were taken; fewer than given ends the transfer.
std::size_t CurlCall::Append(std::string_view bytes) {
  long http_status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &http_status);
  if (http_status != kHttpOk) {
    response_ += bytes.substr(0, kMaxErrorBody - std::min(kMaxErrorBody, response_.size()));
    return bytes.size();
  }
  if (!response_began_) {
    response_began_ = true;
    curl_off_t announced = 0;
    curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > 0 && static_cast<std::size_t>(announced) <= call_.max_response_bytes) {
      block_size_ = static_cast<std::size_t>(announced);
      block_ = AllocateBlock(block_size_);
    }
  }
  if (block_ != nullptr) {
    if (bytes.size() > block_size_ - block_used_) return 0;  // curl ends with what is announced
    std::memcpy(block_.get() + block_used_, bytes.data(), bytes.size());
    block_used_ += bytes.size();
    return bytes.size();
  }
  if (bytes.size() > call_.max_response_bytes - response_.size()) {
    response_too_long_ = true;
    return 0;
  }
  response_ += bytes;
  return bytes.size();
}

CURLcode CurlCall::Transfer(CURLM* multi, std::stop_token stop) {
  if (curl_multi_add_handle(multi, easy_) != CURLM_OK) return CURLE_FAILED_INIT;
  CURLcode result = CURLE_ABORTED_BY_CALLBACK;
  {
    const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
    int running = 1;
    while (!stop.stop_requested() && curl_multi_perform(multi, &running) == CURLM_OK &&
           running != 0) {
      curl_multi_poll(multi, nullptr, 0, kPollMilliseconds, nullptr);
    }
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) result = message->data.result;
    }
  }
  curl_multi_remove_handle(multi, easy_);
  return result;
}

/// Whether a connection that was kept from an earlier call turned out to be closed.
bool CurlCall::WasStale(CURLcode code) const {
  long new_connections = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &new_connections);
  return new_connections == 0 && !response_began_ && response_.empty() &&
         (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING);
}

StatusOr<Bytes> CurlCall::Perform(CURLM* multi, std::stop_token stop) {
  CURLcode code = Transfer(multi, stop);
  // curl itself notices most closed connections, but not one that closes while a body is sent.
  if (WasStale(code) && !stop.stop_requested()) {
    SeekBody(this, 0, SEEK_SET);
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
    code = Transfer(multi, stop);
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 0L);
  }
  // What the handle keeps must not outlive this object.
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, nullptr);
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, nullptr);
  if (code == CURLE_OK) return TakeAnswer();
  if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
  return Explain(code);
}

StatusOr<Bytes> CurlCall::TakeAnswer() {
  long http_status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &http_status);
  if (http_status != kHttpOk) return StatusFromHttp(http_status, response_);
  const char* type = nullptr;
  curl_easy_getinfo(easy_, CURLINFO_CONTENT_TYPE, &type);
  if (type == nullptr || !std::string_view(type).starts_with("application/protobuf")) {
    return MakeError(StatusCode::kUnimplemented,
                     "{} answers with content of type '{}', not with Flower's protobuf", origin_,
                     type == nullptr ? "" : type);
  }
  if (block_ != nullptr) return Bytes(block_, {block_.get(), block_used_});
  return Bytes(std::move(response_));
}

Status CurlCall::Explain(CURLcode code) const {
  const std::string_view detail = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
  const auto text = [&](std::string_view what) {
    return fmt::format("{} at {}: {}", what, origin_, detail);
  };
  const bool plain = origin_.starts_with("http:");
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return PermanentFailure(text("the SuperLink's certificate is not trusted,"));
    case CURLE_SSL_CACERT_BADFILE:
      return PermanentFailure(text("cannot use the root certificates for the SuperLink"));
    case CURLE_SSL_CONNECT_ERROR:
      if (Contains(detail, "wrong version number") || Contains(detail, "packet length")) {
        return PermanentFailure(text("the SuperLink does not speak TLS"));
      }
      // A handshake that breaks off may be a SuperLink that just starts or stops.
      if (Contains(detail, "alert") || Contains(detail, "certificate")) {
        return PermanentFailure(text("TLS with the SuperLink fails"));
      }
      return NoHttpAnswer(text("TLS with the SuperLink breaks off"));
    case CURLE_WRITE_ERROR:
      if (!response_too_long_) break;
      return MakeError(StatusCode::kResourceExhausted, "the answer is longer than {} bytes",
                       call_.max_response_bytes);
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_URL_MALFORMAT:
      return {StatusCode::kUnimplemented, text("bad redirect by the SuperLink")};
    case CURLE_UNSUPPORTED_PROTOCOL:  // the first bytes were no HTTP/1 answer
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return NoHttpAnswer(text("no answer from the SuperLink") +
                          (plain ? " (does it expect TLS?)" : ""));
    default:
      break;
  }
  return {StatusCode::kUnavailable, text("cannot reach the SuperLink")};
}

}  // namespace flwrcpp::internal
