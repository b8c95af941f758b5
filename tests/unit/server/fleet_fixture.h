// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "records/object.h"
#include "superlink/api_error.h"
#include "superlink/fleet_service.h"
#include "superlink/local_grid.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::internal {

/// Matches a Status or StatusOr by its number in Flower's catalogue.
MATCHER_P(IsApiError, code, "is Fleet error " + std::to_string(static_cast<int>(code))) {
  const Status& status = flwrcpp::testing::GetStatus(arg);
  *result_listener << "whose status is " << status.ToString();
  return ApiErrorCodeOf(status) == code;
}

enum class StateKind { kMemory, kSqlite };

/// A FleetService and a run's LocalGrid on one state, and a clock that stands still.
class FleetFixture : public ::testing::TestWithParam<StateKind> {
 protected:
  void SetUp() override;

  /// A node that is online, by its id.
  std::uint64_t OnlineNode(const std::string& key);
  std::shared_ptr<LocalGrid> StartRun();

  /// Records with some parameters of `floats` elements, all `value`.
  static RecordDict Content(float value, std::size_t floats = 3);
  static Message Train(std::uint64_t node_id, float value = 1);

  /// Pushes one instruction to a node. @return its id.
  std::string Send(LocalGrid& grid, Message message);
  /// What a pull of the node brings: the stub and its tree, or an empty response.
  flwr::proto::PullMessagesResponse Pull(std::uint64_t node_id);
  /// Pulls all objects of a pulled message, confirms it and puts it together.
  Message Fetch(std::uint64_t node_id, const flwr::proto::PullMessagesResponse& pulled);

  StatusOr<flwr::proto::SendNodeHeartbeatResponse> Heartbeat(std::uint64_t node_id,
                                                             double interval);

  /// The request that announces a reply.
  static flwr::proto::PushMessagesRequest PushRequest(const Message& reply,
                                                      const DeflatedMessage& deflated);
  /// Announces a reply and uploads the objects that are asked for.
  void Answer(std::uint64_t node_id, Message reply);
  static std::vector<Object> ObjectsOf(const DeflatedMessage& deflated);
  static std::string BytesOf(const Object& object);

  double now_ = 1'800'000'000;
  flwrcpp::testing::TempDir directory_;
  State state_;
  std::shared_ptr<const State> shared_state_;
  std::shared_ptr<Notifier> notifier_ = std::make_shared<Notifier>();
  std::unique_ptr<MessageExchange> exchange_;
  std::unique_ptr<FleetService> service_;
};

#define FLWRCPP_FOR_BOTH_STATES(suite)                                                          \
  INSTANTIATE_TEST_SUITE_P(State, suite,                                                        \
                           ::testing::Values(StateKind::kMemory, StateKind::kSqlite),           \
                           [](const auto& instance) {                                           \
                             return instance.param == StateKind::kMemory ? "Memory" : "Sqlite"; \
                           })

}  // namespace flwrcpp::internal
