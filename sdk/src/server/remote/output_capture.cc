// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/remote/output_capture.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kBuffer = 16 * 1024;
constexpr int kPollMilliseconds = 50;

void WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads it any more
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

OutputCapture::OutputCapture(Sink sink) : sink_(std::move(sink)) {
  streams_[0].descriptor = STDOUT_FILENO;
  streams_[1].descriptor = STDERR_FILENO;
  for (Stream& stream : streams_) Begin(stream);
}

OutputCapture::~OutputCapture() {
  for (Stream& stream : streams_) End(stream);
}

void OutputCapture::Begin(Stream& stream) {
  std::fflush(nullptr);
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return;
  stream.original = fcntl(stream.descriptor, F_DUPFD_CLOEXEC, 3);
  if (stream.original < 0 || dup2(pipe_ends[1], stream.descriptor) < 0) {
    if (stream.original >= 0) close(stream.original);
    stream.original = -1;
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return;
  }
  close(pipe_ends[1]);
  stream.thread = std::thread([this, from = pipe_ends[0], to = stream.original] {
    std::array<char, kBuffer> buffer;
    while (true) {
      pollfd readable{from, POLLIN, 0};
      // A child process may keep the pipe open for ever.
      if (poll(&readable, 1, kPollMilliseconds) == 0) {
        if (ending_) break;
        continue;
      }
      const ssize_t count = read(from, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;  // all writers have closed it
      const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
      WriteAll(to, text);
      sink_(text);
    }
    close(from);
  });
}

void OutputCapture::End(Stream& stream) {
  if (stream.original < 0) return;
  std::fflush(nullptr);
  dup2(stream.original, stream.descriptor);  // closes our end of the pipe
  ending_ = true;
  stream.thread.join();
  close(stream.original);
}

}  // namespace flwrcpp::internal
