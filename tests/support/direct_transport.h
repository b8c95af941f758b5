// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fleet/fleet_transport.h"
#include "rpc/flower_status.h"
#include "tests/support/fake_fleet.h"

namespace flwrcpp::testing {

/// Calls a FakeFleet without a network in between.
class DirectTransport final : public internal::FleetTransport {
 public:
  explicit DirectTransport(FakeFleet& fleet) : fleet_(fleet) {}

  StatusOr<Bytes> Call(const internal::FleetCall& call, std::stop_token stop) override {
    if (stop.stop_requested()) return Status(StatusCode::kCancelled, "stop requested");
    std::string request;
    for (const Bytes& piece : call.body) request += piece.view();
    const FleetAnswer answer = fleet_.Handle(std::string(call.method.name), request);
    if (answer.lose_answer) return internal::NoHttpAnswer("the answer was lost");
    if (answer.http_status != 200) return internal::StatusFromHttp(answer.http_status, answer.body);
    return Bytes(answer.body);
  }

  std::string_view wire() const override { return "direct"; }

 private:
  FakeFleet& fleet_;
};

}  // namespace flwrcpp::testing
