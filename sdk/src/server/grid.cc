// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/grid.h"

#include <algorithm>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "server/pending_replies.h"

namespace flwrcpp {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using internal::PendingReplies;

/// Longest wait for replies before a stop is noticed.
constexpr Seconds kWaitSlice = std::chrono::milliseconds(250);

/// What is left of the time, at most a slice.
Seconds NextWait(std::optional<Clock::time_point> deadline) {
  if (!deadline.has_value()) return kWaitSlice;
  return std::clamp(Seconds(*deadline - Clock::now()), Seconds(0), kWaitSlice);
}

Status HandOut(std::vector<PendingReplies::Reply> replies, const Grid::OnReply& on_reply) {
  for (PendingReplies::Reply& reply : replies) {
    // Moved out at once: the next reply may be as large.
    FLWRCPP_RETURN_IF_ERROR(on_reply(std::exchange(reply.message, Message())));
  }
  return absl::OkStatus();
}

}  // namespace

Status Grid::SendAndReceive(std::vector<Message> messages,
                            std::optional<std::chrono::duration<double>> timeout,
                            const OnReply& on_reply, std::stop_token stop) {
  std::optional<Clock::time_point> deadline;
  if (timeout.has_value()) {
    deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(*timeout);
  }
  PendingReplies pending(*this);
  FLWRCPP_ASSIGN_OR_RETURN(auto refused, pending.Send(std::move(messages), 0));
  FLWRCPP_RETURN_IF_ERROR(HandOut(std::move(refused), on_reply));
  while (pending.size() > 0) {
    if (stop.stop_requested()) {
      return internal::MakeError(StatusCode::kCancelled, "stopped while {} replies were awaited",
                                 pending.size());
    }
    const bool last = deadline.has_value() && Clock::now() >= *deadline;
    FLWRCPP_ASSIGN_OR_RETURN(auto replies, pending.Receive(NextWait(deadline)));
    if (replies.empty() && last) break;
    FLWRCPP_RETURN_IF_ERROR(HandOut(std::move(replies), on_reply));
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp
