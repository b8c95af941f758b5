// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/fake_classic_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "internal/handover.h"

namespace flwrcpp::testing {
namespace {

using flwr::proto::ClientMessage;
using flwr::proto::ServerMessage;
using internal::HandOver;
using internal::TakeOver;

/// What the test and gRPC's reactor share; the reactor ends when gRPC says so.
class Stream final : public FakeClassicStream, public std::enable_shared_from_this<Stream> {
 public:
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Reactor(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {
      HandOver(this);
      StartSendInitialMetadata();
      StartRead(&request_);
    }
    void OnReadDone(bool good) override {
      TakeOver(this);
      if (!good) return;
      ClientMessage message;
      grpc::SerializationTraits<ClientMessage>::Deserialize(&request_, &message);
      {
        const std::lock_guard lock(stream_->mutex_);
        stream_->received_.push_back(std::move(message));
        stream_->changed_.notify_all();
      }
      HandOver(this);
      StartRead(&request_);
    }
    void OnWriteDone(bool /*good*/) override {
      TakeOver(this);
      const std::lock_guard lock(stream_->mutex_);
      stream_->writing_ = false;
      stream_->changed_.notify_all();
    }
    void OnCancel() override {
      TakeOver(this);
      const std::lock_guard lock(stream_->mutex_);
      stream_->left_ = true;
      stream_->FinishLocked(grpc::Status::CANCELLED);
    }
    void OnDone() override {
      TakeOver(this);
      delete this;
    }

    grpc::ByteBuffer request_;
    grpc::ByteBuffer response_;

   private:
    const std::shared_ptr<Stream> stream_;
  };

  grpc::ServerGenericBidiReactor* React() { return reactor_ = new Reactor(shared_from_this()); }

  void Send(const ServerMessage& message) override { SendBytes(message.SerializeAsString()); }

  void SendBytes(const std::string& bytes) override {
    std::unique_lock lock(mutex_);
    if (reactor_ == nullptr) return;
    const grpc::Slice slice(bytes);
    reactor_->response_ = grpc::ByteBuffer(&slice, 1);
    writing_ = true;
    HandOver(reactor_);
    reactor_->StartWrite(&reactor_->response_);
    changed_.wait_for(lock, FakeClassicServer::kPatience, [this] { return !writing_; });
  }

  std::optional<ClientMessage> Receive() override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, FakeClassicServer::kPatience,
                      [this] { return !received_.empty() || left_; });
    if (received_.empty()) return std::nullopt;
    ClientMessage message = std::move(received_.front());
    received_.pop_front();
    return message;
  }

  void End(StatusCode code, const std::string& text) override {
    const std::lock_guard lock(mutex_);
    FinishLocked({static_cast<grpc::StatusCode>(code), text});
  }

  bool IsLeft() override {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, FakeClassicServer::kPatience, [this] { return left_; });
  }

 private:
  void FinishLocked(const grpc::Status& status) {
    if (Reactor* const reactor = std::exchange(reactor_, nullptr)) {
      HandOver(reactor);
      reactor->Finish(status);
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Reactor* reactor_ = nullptr;  // null when the stream is finished
  std::deque<ClientMessage> received_;
  bool writing_ = false;
  bool left_ = false;
};

class Service final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* /*context*/) override {
    auto stream = std::make_shared<Stream>();
    const std::lock_guard lock(mutex_);
    streams_.push_back(stream);
    all_.push_back(stream);
    changed_.notify_all();
    return stream->React();
  }

  std::shared_ptr<FakeClassicStream> Accept() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, FakeClassicServer::kPatience, [this] { return !streams_.empty(); });
    if (streams_.empty()) return nullptr;
    auto stream = std::move(streams_.front());
    streams_.pop_front();
    return stream;
  }

  void EndAll() {
    const std::lock_guard lock(mutex_);
    for (const auto& stream : all_) stream->End(StatusCode::kUnavailable, "the server ends");
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Stream>> streams_;
  std::deque<std::shared_ptr<Stream>> all_;
};

class Server final : public FakeClassicServer {
 public:
  Server(const std::string& address, const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, credentials, &port);
    builder.RegisterCallbackGenericService(&service_);
    builder.SetMaxReceiveMessageSize(-1);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~Server() override {
    service_.EndAll();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::string address() const override { return address_; }
  std::shared_ptr<FakeClassicStream> Accept() override { return service_.Accept(); }

 private:
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace

std::unique_ptr<FakeClassicServer> FakeClassicServer::Start() { return StartAt("127.0.0.1:0"); }

std::unique_ptr<FakeClassicServer> FakeClassicServer::StartAt(const std::string& address) {
  return std::make_unique<Server>(address, grpc::InsecureServerCredentials());
}

std::unique_ptr<FakeClassicServer> FakeClassicServer::Start(const TestCertificate& certificate) {
  grpc::SslServerCredentialsOptions ssl;
  ssl.pem_key_cert_pairs.push_back({certificate.private_key, certificate.certificate});
  return std::make_unique<Server>("127.0.0.1:0", grpc::SslServerCredentials(ssl));
}

}  // namespace flwrcpp::testing
