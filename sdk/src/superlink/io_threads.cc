// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/io_threads.h"

#include <exception>

#include "internal/log.h"

namespace flwrcpp::internal {

IoThreads::IoThreads(int threads) : io_(threads), work_(io_.get_executor()) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      while (true) {
        try {
          io_.run();
          return;
        } catch (const std::exception& error) {
          // Only the handler that threw is lost; the others go on.
          Log(LogLevel::kError, "a handler of the SuperLink threw: {}", error.what());
        }
      }
    });
  }
}

IoThreads::~IoThreads() { Stop(); }

void IoThreads::Stop() {
  work_.reset();
  io_.stop();
  threads_.clear();  // joins
}

}  // namespace flwrcpp::internal
