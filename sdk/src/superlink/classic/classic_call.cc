// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/classic/classic_call.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flwr/proto/transport.pb.h"
#include "internal/errors.h"
#include "internal/handover.h"
#include "internal/log.h"
#include "records/classic_wire.h"
#include "superlink/classic/classic_tasks.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;
using flwr::proto::ClientMessage;
using std::chrono::steady_clock;

constexpr auto kKeepAlive = std::chrono::duration_cast<steady_clock::duration>(
    std::chrono::duration<double>(ClassicNodeSession::kKeepAliveInterval));
/// Time that a node gets to confirm a goodbye.
constexpr std::chrono::seconds kGoodbyePatience{2};

/// A slice that keeps `bytes` alive instead of copying them.
grpc::Slice Share(const Bytes& bytes) {
  auto owner = std::make_unique<Bytes>(bytes);
  return {const_cast<char*>(bytes.data()), bytes.size(),
          [](void* data) { delete static_cast<Bytes*>(data); }, owner.release()};
}

/// The absl codes are gRPC's.
grpc::Status ToGrpc(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

class ClassicCall final : public grpc::ServerGenericBidiReactor {
 public:
  ClassicCall(asio::io_context& io, const ClassicCallOptions& options)
      : options_(options),
        strand_(asio::make_strand(io)),
        waker_(std::make_shared<Waker>(strand_)),
        accepted_(options.streams.Add(this, waker_)) {
    HandOver(this);
    StartSendInitialMetadata();  // Python servers send none, but it tells the node that it is heard
    if (!accepted_) return;
    StartRead(&incoming_);
    asio::co_spawn(strand_, Run(), [this](std::exception_ptr error) {
      if (!error) return;
      Log(LogLevel::kError, "a classic stream ended by an exception");
      End({grpc::StatusCode::INTERNAL, "The SuperLink failed to go on."});
    });
  }

  // From gRPC's threads.

  void OnSendInitialMetadataDone(bool /*good*/) override {
    TakeOver(this);
    if (accepted_) return;
    End({grpc::StatusCode::UNAVAILABLE,
         "the SuperLink stops, or has no room for one more classic node"});
  }

  void OnReadDone(bool good) override {
    TakeOver(this);
    {
      const std::lock_guard lock(mutex_);
      if (good) {
        received_ = incoming_;
        incoming_.Clear();
      } else {
        left_ = true;
      }
    }
    HandOver(this);
    waker_->Wake();
  }

  void OnWriteDone(bool good) override {
    TakeOver(this);
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!good) left_ = true;
    }
    HandOver(this);
    waker_->Wake();
  }

  void OnCancel() override {
    TakeOver(this);
    {
      const std::lock_guard lock(mutex_);
      left_ = true;
    }
    HandOver(this);
    waker_->Wake();
  }

  void OnDone() override {
    TakeOver(this);
    options_.streams.Remove(this);
    delete this;
  }

 private:
  // On the strand.

  asio::awaitable<void> Run() {
    const Status status = co_await Serve();
    End(ToGrpc(status));  // gRPC may delete this call at once
  }

  /// Serves the node until its stream is to end.
  asio::awaitable<Status> Serve() {
    StatusOr<std::unique_ptr<ClassicNodeSession>> joined =
        ClassicNodeSession::Join(options_.context);
    if (!joined.ok()) co_return joined.status();
    session_ = *std::move(joined);
    const Notifier::Subscription subscription = options_.context.notifier.Subscribe(
        {Topic::kInstructions, session_->node_id()}, [waker = waker_] { waker->Wake(); });
    Status status = co_await ServeTasks();
    session_.reset();  // offline from now on
    co_return status;
  }

  asio::awaitable<Status> ServeTasks() {
    while (!over_) {
      if (options_.streams.stopping()) co_return co_await SayGoodbye();
      if (HasLeft()) co_return absl::OkStatus();
      if (std::optional<grpc::ByteBuffer> unasked = TakeReceived()) {
        co_return OnUnasked(*unasked);
      }
      StatusOr<std::optional<Message>> next = session_->Next();
      if (!next.ok()) co_return next.status();
      Status status;
      if (next->has_value()) {
        const Message instruction = *std::move(*next);
        next = std::optional<Message>();
        status = co_await Perform(instruction);
      } else {
        status = co_await Pause();
      }
      if (!status.ok()) co_return status;
    }
    co_return absl::OkStatus();
  }

  /// One instruction, from here to the node and back.
  /// @return why the stream cannot go on.
  asio::awaitable<Status> Perform(const Message& instruction) {
    StatusOr<std::vector<Bytes>> task = classic::WriteTask(instruction);
    std::size_t size = 0;
    if (task.ok()) {
      size = classic::TotalSize(*task);
      if (size > options_.max_message_bytes) {
        task = MakeError(StatusCode::kInvalidArgument,
                         "the instruction has {} bytes, the classic stream allows {}", size,
                         options_.max_message_bytes);
      }
    }
    if (!task.ok()) co_return session_->Answer(Refusal(instruction, task.status()));
    StartSending(*task);
    task = std::vector<Bytes>();
    const std::uint64_t run_id = instruction.metadata().run_id;

    std::optional<grpc::ByteBuffer> received;
    while (true) {
      if (options_.streams.stopping()) co_return co_await SayGoodbye();
      if (!received) received = TakeReceived();
      // A node may answer before it has heard everything; gRPC writes one message at a time.
      if (received && !IsWriting()) break;
      if (HasLeft()) co_return absl::OkStatus();
      const Status alive = co_await Pause();
      if (!alive.ok()) co_return alive;
    }
    session_->CountTraffic(run_id, size, received->Length());
    const auto answer = std::make_shared<ClientMessage>();
    if (!Parse(*received, *answer)) {
      const Status garbage = Garbage();
      const Status told = session_->Answer(Refusal(instruction, garbage));
      co_return told.ok() ? garbage : told;
    }
    received.reset();
    StartRead(&incoming_);
    co_return session_->Answer(classic::ReadAnswer(instruction, answer, options_.context.clock()));
  }

  /// Sleeps until something happens, and keeps the node online meanwhile.
  asio::awaitable<Status> Pause() {
    if (steady_clock::now() >= keep_alive_at_) {
      keep_alive_at_ = steady_clock::now() + kKeepAlive;
      const Status alive = session_->KeepAlive();
      if (alive.code() == StatusCode::kNotFound) {
        co_return MakeError(StatusCode::kPermissionDenied, "the node has been unregistered");
      }
      if (!alive.ok()) co_return alive;
    }
    co_await waker_->SleepUntil(keep_alive_at_);
    co_return absl::OkStatus();
  }

  /// Tells the node not to come back. One that works on something hears it when it is ready.
  asio::awaitable<Status> SayGoodbye() {
    over_ = true;
    const steady_clock::time_point until = steady_clock::now() + kGoodbyePatience;
    while (IsWriting() && !HasLeft() && steady_clock::now() < until) {
      co_await waker_->SleepUntil(until);
    }
    if (IsWriting() || HasLeft()) co_return absl::OkStatus();
    StartSending(classic::WriteGoodbye());
    // The node confirms, or, if it works on something, sends its answer when it is ready.
    while (!HasLeft() && !TakeReceived() && steady_clock::now() < until) {
      co_await waker_->SleepUntil(until);
    }
    co_return absl::OkStatus();
  }

  /// Why the stream ends after a message that nobody asked for.
  static Status OnUnasked(grpc::ByteBuffer& buffer) {
    ClientMessage message;
    if (!Parse(buffer, message)) return Garbage();
    if (message.has_disconnect_res()) return absl::OkStatus();
    return InvalidArgument("the node sent a message without having been asked for one");
  }

  Message Refusal(const Message& instruction, const Status& why) {
    Log(LogLevel::kWarning, "node {}: {}", session_->node_id(), std::string(why.message()));
    return classic::RefuseTask(instruction, why, options_.context.clock());
  }

  static Status Garbage() { return InvalidArgument("the node's message is no ClientMessage"); }

  static bool Parse(grpc::ByteBuffer& buffer, ClientMessage& message) {
    return grpc::SerializationTraits<ClientMessage>::Deserialize(&buffer, &message).ok();
  }

  void StartSending(const std::vector<Bytes>& pieces) {
    std::vector<grpc::Slice> slices;
    slices.reserve(pieces.size());
    for (const Bytes& piece : pieces) {
      if (!piece.empty()) slices.push_back(Share(piece));
    }
    outgoing_ = grpc::ByteBuffer(slices.data(), slices.size());
    {
      const std::lock_guard lock(mutex_);
      writing_ = true;
    }
    HandOver(this);
    StartWrite(&outgoing_);
  }

  bool HasLeft() {
    const std::lock_guard lock(mutex_);
    return left_;
  }
  bool IsWriting() {
    const std::lock_guard lock(mutex_);
    return writing_;
  }
  std::optional<grpc::ByteBuffer> TakeReceived() {
    const std::lock_guard lock(mutex_);
    return std::exchange(received_, std::nullopt);
  }

  void End(const grpc::Status& status) {
    session_.reset();
    HandOver(this);
    Finish(status);
  }

  const ClassicCallOptions options_;
  const asio::strand<asio::io_context::executor_type> strand_;
  const std::shared_ptr<Waker> waker_;
  const bool accepted_;
  std::unique_ptr<ClassicNodeSession> session_;
  steady_clock::time_point keep_alive_at_ = steady_clock::now() + kKeepAlive;
  bool over_ = false;  // goodbye has been said
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;

  std::mutex mutex_;
  /// Nothing is read while one message waits: a node answers what it is asked.
  std::optional<grpc::ByteBuffer> received_;
  bool writing_ = false;
  bool left_ = false;
};

}  // namespace

bool ClassicStreams::Add(const void* stream, std::shared_ptr<Waker> waker) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || wakers_.size() >= max_streams_) return false;
  wakers_.emplace(stream, std::move(waker));
  return true;
}

void ClassicStreams::Remove(const void* stream) {
  const std::lock_guard lock(mutex_);
  wakers_.erase(stream);
}

void ClassicStreams::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (const auto& [stream, waker] : wakers_) waker->Wake();
}

bool ClassicStreams::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

grpc::ServerGenericBidiReactor* MakeClassicCall(asio::io_context& io,
                                                const ClassicCallOptions& options) {
  return new ClassicCall(io, options);
}

}  // namespace flwrcpp::internal
