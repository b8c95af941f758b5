// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <string_view>
#include <thread>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// While it lives, passes what the process writes to stdout and stderr on to where it went before,
/// and to a function as well.
class OutputCapture {
 public:
  using Sink = std::function<void(std::string_view text)>;

  /// @param sink called from threads of the capture, one call at a time for each stream.
  explicit OutputCapture(Sink sink);
  ~OutputCapture();
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;

 private:
  struct Stream {
    int descriptor = -1;
    int original = -1;  ///< Where it went before; -1 if it is not captured.
    std::thread thread;
  };

  void Begin(Stream& stream);
  void End(Stream& stream);

  const Sink sink_;
  std::atomic<bool> ending_ = false;
  std::array<Stream, 2> streams_;
};

}  // namespace flwrcpp::internal
