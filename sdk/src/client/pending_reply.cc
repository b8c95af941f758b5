// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/pending_reply.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "flwr/proto/fleet.pb.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/wire.h"

namespace flwrcpp::internal {
namespace {

constexpr std::string_view kMagic = "flwrcpp reply 1\n";
constexpr std::size_t kMaxTreeNodes = std::size_t{1} << 20;

/// A file descriptor that is closed at the end.
class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~FileDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status SystemError(const char* action, const std::filesystem::path& file) {
  return MakeError(StatusCode::kUnavailable, "cannot {} {}: {}", action, file.string(),
                   std::strerror(errno));
}

bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string Length(std::uint64_t size) {
  std::string text(8, '\0');
  for (char& byte : text) {
    byte = static_cast<char>(size & 255);
    size >>= 8;
  }
  return text;
}

StatusOr<Bytes> ReadFile(const std::filesystem::path& file) {
  const FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0) return SystemError("open", file);
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) return SystemError("read", file);
  std::string content(size, '\0');
  std::size_t read = 0;
  while (read < content.size()) {
    const ssize_t count = ::read(descriptor.get(), content.data() + read, content.size() - read);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", file);
    if (count == 0) break;
    read += static_cast<std::size_t>(count);
  }
  content.resize(read);
  return Bytes(std::move(content));
}

/// Takes a piece preceded by its length off the front of `rest`.
bool TakePiece(Bytes& rest, Bytes& piece) {
  if (rest.size() < 8) return false;
  std::uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8 | static_cast<unsigned char>(rest.data()[i]);
  if (size > rest.size() - 8) return false;
  piece = rest.Slice(8, size);
  rest = rest.Slice(8 + size);
  return true;
}

}  // namespace

PendingReply MakePendingReply(Message reply, double runtime_seconds) {
  DeflatedMessage deflated = Deflate(reply);
  reply.metadata().message_id = deflated.root.id;
  PendingReply pending;
  ToStub(reply, pending.stub);
  pending.tree = std::move(deflated.tree);
  pending.runtime_seconds = runtime_seconds;
  pending.objects.emplace(deflated.root.id, deflated.root);
  if (deflated.content != nullptr) {
    for (const Object& object : deflated.content->objects) {
      pending.objects.emplace(object.id, object);
    }
  }
  return pending;
}

Status WriteReply(const PendingReply& reply, const std::filesystem::path& file) {
  flwr::proto::PushMessagesRequest request;
  *request.add_messages_list() = reply.stub;
  ToProto(reply.tree, *request.add_message_object_trees());
  request.add_clientapp_runtime_list(reply.runtime_seconds);
  const std::string front = request.SerializeAsString();

  const std::filesystem::path temporary = file.string() + ".part";
  {
    const FileDescriptor descriptor(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (descriptor.get() < 0) return SystemError("create", temporary);
    bool written = WriteAll(descriptor.get(), kMagic) &&
                   WriteAll(descriptor.get(), Length(front.size())) &&
                   WriteAll(descriptor.get(), front);
    for (const std::string& id : PostOrder(reply.tree)) {
      const Object& object = reply.objects.at(id);
      written = written && WriteAll(descriptor.get(), Length(object.size())) &&
                WriteAll(descriptor.get(), object.head.view()) &&
                WriteAll(descriptor.get(), object.body.view());
    }
    if (!written || ::fdatasync(descriptor.get()) != 0) {
      Status status = SystemError("write", temporary);
      ::unlink(temporary.c_str());
      return status;
    }
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) return SystemError("rename", temporary);
  return absl::OkStatus();
}

StatusOr<PendingReply> ReadReply(const std::filesystem::path& file) {
  const auto damaged = [&](std::string_view what) {
    return MakeError(StatusCode::kDataLoss, "{}: {}", file.string(), what);
  };
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes content, ReadFile(file));
  if (!content.view().starts_with(kMagic)) return damaged("is no reply of this program");
  Bytes rest = content.Slice(kMagic.size());
  Bytes front;
  flwr::proto::PushMessagesRequest request;
  if (!TakePiece(rest, front) ||
      front.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !request.ParseFromArray(front.data(), static_cast<int>(front.size())) ||
      request.messages_list_size() != 1 || request.message_object_trees_size() != 1 ||
      request.clientapp_runtime_list_size() != 1) {
    return damaged("has no readable metadata");
  }
  PendingReply reply;
  reply.stub = request.messages_list(0);
  reply.runtime_seconds = request.clientapp_runtime_list(0);
  reply.resumed = true;
  reply.file = file;
  StatusOr<ObjectTree> tree = FromProto(request.message_object_trees(0), kMaxTreeNodes);
  if (!tree.ok()) return damaged(std::string(tree.status().message()));
  reply.tree = *std::move(tree);
  for (const std::string& id : PostOrder(reply.tree)) {
    Bytes piece;
    if (!TakePiece(rest, piece)) return damaged("is cut off");
    StatusOr<Object> object = CheckObject(id, piece);
    if (!object.ok()) return damaged(std::string(object.status().message()));
    reply.objects.emplace(id, *std::move(object));
  }
  return reply;
}

}  // namespace flwrcpp::internal
