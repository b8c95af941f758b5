// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/classic/classic_stream.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <utility>

#include "fleet/grpc_channel.h"
#include "internal/errors.h"
#include "internal/handover.h"

namespace flwrcpp::internal {
namespace {

constexpr char kMethod[] = "/flwr.proto.FlowerService/Join";

/// gRPC tells nobody that a channel is connected while a call waits for it: it is asked.
constexpr std::chrono::milliseconds kConnectingLook{20};
/// Python servers end a stream only with themselves.
constexpr std::chrono::seconds kLeavePatience{1};

Status Stopped() { return MakeError(StatusCode::kCancelled, "stop requested"); }

}  // namespace

ClassicStream::ClassicStream(const TransportOptions& options)
    : options_(options), channel_(MakeGrpcChannel(options)), stub_(channel_) {
  stub_.PrepareBidiStreamingCall(&context_, kMethod, {}, this);
  AddHold();  // writes begin outside of callbacks
  HandOver(this);
  StartRead(&incoming_);
  StartCall();
}

ClassicStream::~ClassicStream() {
  context_.TryCancel();
  bool release = false;
  {
    const std::lock_guard lock(mutex_);
    if (!reading_ && !broken_) {  // else OnReadDone says that it is over
      broken_ = true;
      release = !writing_;
    }
  }
  HandOver(this);
  if (release) RemoveHold();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return end_.has_value(); });
  TakeOver(this);
}

Status ClassicStream::WaitUntilOpen(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (broken_) return EndReason(lock);
    if (received_ || channel_->GetState(false) == GRPC_CHANNEL_READY) {
      return absl::OkStatus();
    }
    changed_.wait_for(lock, stop, kConnectingLook, [this] { return broken_; });
  }
  return Stopped();
}

StatusOr<std::shared_ptr<flwr::proto::ServerMessage>> ClassicStream::Read(std::stop_token stop) {
  grpc::ByteBuffer buffer;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return received_ || broken_; });
    if (stop.stop_requested()) return Stopped();
    if (!received_) return EndReason(lock);
    buffer = *std::exchange(received_, std::nullopt);
    reading_ = true;
  }
  HandOver(this);
  StartRead(&incoming_);  // so that the end of the stream is noticed while the message is handled
  auto message = std::make_shared<flwr::proto::ServerMessage>();
  const std::size_t size = buffer.Length();
  if (!grpc::SerializationTraits<flwr::proto::ServerMessage>::Deserialize(&buffer, message.get())
           .ok()) {
    return InvalidArgument("the server at {} sent {} bytes that are no ServerMessage",
                           options_.address, size);
  }
  return message;
}

Status ClassicStream::Write(std::span<const Bytes> pieces, std::stop_token stop) {
  if (stop.stop_requested()) return Stopped();
  const bool begun = BeginWrite(pieces, /*last=*/false);
  std::unique_lock lock(mutex_);
  if (begun) changed_.wait(lock, stop, [this] { return !writing_; });
  if (stop.stop_requested()) return Stopped();
  return broken_ ? EndReason(lock) : absl::OkStatus();
}

void ClassicStream::Leave(std::span<const Bytes> pieces, std::stop_token stop) {
  if (!BeginWrite(pieces, /*last=*/true)) return;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, kLeavePatience, [this] { return broken_; });
}

bool ClassicStream::BeginWrite(std::span<const Bytes> pieces, bool last) {
  outgoing_ = ToByteBuffer(pieces);
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return false;
    writing_ = true;
  }
  HandOver(this);
  if (last) {
    StartWriteLast(&outgoing_, {});
  } else {
    StartWrite(&outgoing_);
  }
  return true;
}

Status ClassicStream::EndReason(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return end_.has_value(); });
  if (end_->ok()) {
    return MakeError(StatusCode::kUnavailable, "the server at {} ended the stream",
                     options_.address);
  }
  if (end_->error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return MakeError(StatusCode::kFailedPrecondition,
                     "the server at {} does not know FlowerService.Join: it is none of "
                     "`start_server`; SuperLinks need the http or grpc transport",
                     options_.address);
  }
  return StatusFromChannel(*end_, options_);
}

void ClassicStream::OnReadDone(bool good) {
  TakeOver(this);
  bool release = false;
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (good) {
      received_ = incoming_;
      incoming_.Clear();
    } else {
      broken_ = true;
      release = !writing_;
    }
    changed_.notify_all();
  }
  if (!good) ended_.request_stop();
  HandOver(this);
  if (release) RemoveHold();
}

void ClassicStream::OnWriteDone(bool /*good*/) {
  TakeOver(this);
  // A write that failed is followed by a read that fails.
  bool release = false;
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    release = broken_;
    changed_.notify_all();
  }
  HandOver(this);
  if (release) RemoveHold();
}

void ClassicStream::OnDone(const grpc::Status& status) {
  TakeOver(this);
  HandOver(this);
  const std::lock_guard lock(mutex_);
  end_ = status;
  changed_.notify_all();  // under the lock: the destructor may go on as soon as it is free
}

}  // namespace flwrcpp::internal
