// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>

namespace flwrcpp::internal {

/// Lets one coroutine sleep until somebody wakes it. A wake that comes while it does not sleep ends
/// its next sleep.
class Waker : public std::enable_shared_from_this<Waker> {
 public:
  /// @param executor runs one handler at a time (a strand); the coroutine runs on it.
  explicit Waker(boost::asio::any_io_executor executor) : timer_(executor) {}

  /// May be called from any thread, and after the coroutine has ended.
  void Wake() {
    boost::asio::post(timer_.get_executor(), [self = shared_from_this()] {
      self->woken_ = true;
      self->timer_.cancel();
    });
  }

  boost::asio::awaitable<void> SleepUntil(std::chrono::steady_clock::time_point deadline) {
    if (!woken_) {
      timer_.expires_at(deadline);
      co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    woken_ = false;
  }

 private:
  boost::asio::steady_timer timer_;
  bool woken_ = false;
};

}  // namespace flwrcpp::internal
