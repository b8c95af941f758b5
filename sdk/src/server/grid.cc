// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/grid.h"

#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "server/pending_replies.h"
#include "server/reply_deadline.h"

namespace flwrcpp {
namespace {

using internal::PendingReplies;

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
  const internal::ReplyDeadline deadline(timeout);
  PendingReplies pending(*this);
  FLWRCPP_ASSIGN_OR_RETURN(auto refused, pending.Send(std::move(messages), 0));
  FLWRCPP_RETURN_IF_ERROR(HandOut(std::move(refused), on_reply));
  while (pending.size() > 0) {
    if (stop.stop_requested()) {
      return internal::MakeError(StatusCode::kCancelled, "stopped while {} replies were awaited",
                                 pending.size());
    }
    const bool last = deadline.has_passed();
    FLWRCPP_ASSIGN_OR_RETURN(auto replies, pending.Receive(deadline.NextWait()));
    if (replies.empty() && last) break;
    FLWRCPP_RETURN_IF_ERROR(HandOut(std::move(replies), on_reply));
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp
