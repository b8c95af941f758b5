// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <set>
#include <thread>

#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;

class ConcurrencyTest : public StateTest {};
FLWRCPP_FOR_EACH_STATE(ConcurrencyTest);

TEST_P(ConcurrencyTest, EachInstructionIsDeliveredOnceAndEachReplyPulledOnce) {
  constexpr int kMessages = 100;
  constexpr int kPullers = 3;
  const std::uint64_t node = OnlineNode("key a");
  const std::uint64_t run = RunningRun();
  std::vector<std::string> ids;
  for (int i = 0; i < kMessages; ++i) ids.push_back(Id("m" + std::to_string(i)));
  std::atomic<int> delivered = 0;
  std::atomic<int> failures = 0;

  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (int i = 0; i < kMessages; ++i) Send(run, node, "m" + std::to_string(i));
  });
  for (int puller = 0; puller < kPullers; ++puller) {
    threads.emplace_back([&] {
      while (delivered < kMessages && failures == 0) {
        const auto next = links().NextInstruction(node, kNow);
        if (!next.ok()) ++failures;
        if (!next.ok() || !next->has_value()) continue;
        ++delivered;
        Answer(**next, "reply to " + (*next)->metadata().message_id);
      }
    });
  }
  std::multiset<std::string> answered;
  while (answered.size() < kMessages && failures == 0) {
    // Only what was sent: an unknown id is answered at once.
    std::vector<std::string> open;
    for (const std::string& id : ids) {
      if (!answered.contains(id) && links().GetMessageMetadata(id).ok()) open.push_back(id);
    }
    for (const Message& reply : Pull(run, open).replies) {
      EXPECT_FALSE(reply.has_error());
      answered.insert(reply.metadata().reply_to_message_id);
    }
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(delivered, kMessages);
  EXPECT_EQ(answered.size(), kMessages);
  EXPECT_EQ(std::set<std::string>(answered.begin(), answered.end()).size(), kMessages);
}

TEST_P(ConcurrencyTest, TreesThatShareObjectsComeAndGoTogether) {
  const Object shared = MakeObject(ObjectType::kRecordDict, {}, Bytes(std::string("shared")));
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = 0; i < 50; ++i) {
        const Object root = MakeObject(ObjectType::kMessage, {shared.id},
                                       Bytes(std::to_string(worker) + "/" + std::to_string(i)));
        const std::vector trees = {ObjectTree{root.id, {{shared.id, {}}}}};
        const auto push = objects().OpenPush(1, trees, kNow);
        if (!push.ok()) {
          ++failures;
          return;
        }
        for (const std::string& id : push->missing) {
          const auto put =
              objects().Put(1, push->session_id, id == shared.id ? shared : root, kNow);
          if (!put.ok() || !put->stored) ++failures;
        }
        const auto read = objects().Get(1, shared.id);
        if (!read.ok() || read->state != ObjectState::kAvailable) ++failures;
        if (!objects().Confirm(1, root.id).ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(objects().Get(1, shared.id)->state, ObjectState::kNotFound);
}

}  // namespace
}  // namespace flwrcpp::internal
