// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "records/object.h"
#include "superlink/state/state.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::internal {

/// A moment that messages may be made at.
inline constexpr double kNow = 1'800'000'000;

enum class Implementation { kMemory, kSqlite };

/// The rules are the same for every implementation: suites derive from this and are instantiated
/// with FLWRCPP_FOR_EACH_STATE.
class StateTest : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override;

  LinkState& links() { return *state_.link_state; }
  ObjectStore& objects() { return *state_.object_store; }
  RunArchive& archive() { return *state_.run_archive; }

  /// An id of 64 hex digits that depends on `name`.
  static std::string Id(const std::string& name);

  static NodeRegistration Key(const std::string& key);

  /// A node that is online for a minute from `now`.
  std::uint64_t OnlineNode(const std::string& key, double now = kNow);
  std::uint64_t RunningRun(double now = kNow);

  static Message Instruction(std::uint64_t run_id, std::uint64_t node_id, const std::string& name,
                             double created_at = kNow, double ttl = 3600);
  static Message Reply(const Message& instruction, const std::string& name, double now = kNow + 1);

  /// Stores and releases an instruction.
  Message Send(std::uint64_t run_id, std::uint64_t node_id, const std::string& name,
               double now = kNow, double ttl = 3600);
  /// Stores and releases a reply.
  Message Answer(const Message& instruction, const std::string& name, double now = kNow + 1);
  void Release(const std::string& message_id);

  /// Id of the instruction that the node gets; "" for none.
  std::string Next(std::uint64_t node_id, double now = kNow);
  PulledReplies Pull(std::uint64_t run_id, const std::vector<std::string>& ids,
                     double now = kNow + 1);

  flwrcpp::testing::TempDir directory_;  // Outlives the state in it.
  State state_;
};

#define FLWRCPP_FOR_EACH_STATE(suite)                                                    \
  INSTANTIATE_TEST_SUITE_P(                                                              \
      State, suite, ::testing::Values(Implementation::kMemory, Implementation::kSqlite), \
      [](const auto& instance) {                                                         \
        return instance.param == Implementation::kMemory ? "Memory" : "Sqlite";          \
      })

}  // namespace flwrcpp::internal
