// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/run_exchange.h"

#include <utility>

#include "internal/catch_exceptions.h"
#include "internal/log.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {

void RunExchange::BeginPhase(std::string_view phase) {
  phase_ = phase;
  sampled_.reset();
  watch_ = Stopwatch();
}

Status RunExchange::SendAndReceive(std::vector<Message> messages, const Grid::OnReply& on_reply) {
  const int expected = static_cast<int>(messages.size());
  if (!sampled_.has_value()) {
    sampled_ = expected;
    watch_ = Stopwatch();  // the time that nodes were waited for does not count
  }
  int received = 0;
  FLWRCPP_RETURN_IF_ERROR(grid_.SendAndReceive(
      std::move(messages), options_.timeout,
      [&](Message reply) -> Status {
        ++received;
        FLWRCPP_RETURN_IF_ERROR(on_reply(std::move(reply)));
        return ReportProgress(received, expected);
      },
      options_.stop));
  if (received < expected) {
    Log(LogLevel::kWarning, "{}: {} of {} nodes did not answer in time", phase_,
        expected - received, expected);
  }
  return absl::OkStatus();
}

Status RunExchange::FillPlaces(std::vector<Message> messages, const Grid::OnReply& on_reply) {
  return SendAndReceive(std::move(messages), on_reply);
}

Status RunExchange::ReportProgress(int received, int expected) const {
  if (!options_.on_reply) return absl::OkStatus();
  return CatchExceptions("on_reply", [&] { options_.on_reply(phase_, received, expected); });
}

}  // namespace flwrcpp::internal
