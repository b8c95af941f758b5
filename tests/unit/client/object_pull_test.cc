// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/object_pull.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::FastClock;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

/// A SuperLink that has a root with more children than are checked together.
class PullObjectsTest : public ::testing::Test {
 protected:
  PullObjectsTest() {
    std::vector<std::string> children;
    for (int i = 0; i < kChildren; ++i) {
      children.push_back(Keep(MakeObject(ObjectType::kArrayChunk, {}, Bytes(std::to_string(i)))));
      tree_.children.push_back({children.back(), {}});
    }
    tree_.id = Keep(MakeObject(ObjectType::kArray, children, Bytes()));
    options_.max_message_bytes = 1 << 20;
  }

  std::string Keep(const Object& object) {
    const std::string content = std::string(object.head.view()) + std::string(object.body.view());
    contents_[object.id] = Bytes(content);
    return object.id;
  }

  Status Pull() {
    const PullObjectFn pull = [this](const std::string& id,
                                     const std::stop_token&) -> StatusOr<PullObjectView> {
      ++pulls_;
      const auto found = contents_.find(id);
      if (found == contents_.end()) return PullObjectView{};
      return PullObjectView{true, true, found->second};
    };
    return PullObjects(pull, clock_, options_, tree_, objects_, {});
  }

  static constexpr int kChildren = 50;

  FastClock clock_;
  ObjectPullOptions options_;
  ObjectTree tree_;
  std::unordered_map<std::string, Bytes> contents_;
  ObjectMap objects_;
  std::atomic<int> pulls_{0};
};

TEST_F(PullObjectsTest, BringsEachObjectOnce) {
  ASSERT_THAT(Pull(), IsOk());

  EXPECT_EQ(pulls_, kChildren + 1);
  ASSERT_EQ(objects_.size(), contents_.size());
  for (const auto& [id, object] : objects_) {
    EXPECT_EQ(object.id, id);
    EXPECT_EQ(std::string(object.head.view()) + std::string(object.body.view()),
              contents_[id].view());
  }
}

TEST_F(PullObjectsTest, DoesNotPullWhatIsThere) {
  ASSERT_THAT(Pull(), IsOk());
  objects_.erase(tree_.children[7].id);

  ASSERT_THAT(Pull(), IsOk());

  EXPECT_EQ(pulls_, kChildren + 2);
}

TEST_F(PullObjectsTest, ADamagedObjectIsAnErrorAndTheOthersStay) {
  const std::string& damaged = tree_.children[kChildren - 1].id;
  const Bytes whole = contents_[damaged];
  contents_[damaged] = contents_[tree_.children[0].id];

  EXPECT_THAT(Pull(), StatusIs(StatusCode::kInvalidArgument, damaged));
  EXPECT_FALSE(objects_.contains(damaged));

  contents_[damaged] = whole;
  ASSERT_THAT(Pull(), IsOk());
  EXPECT_LE(pulls_, kChildren + 2);
}

TEST_F(PullObjectsTest, AMissingObjectIsAnErrorAndThoseBeforeItStay) {
  options_.concurrency = 1;
  contents_.erase(tree_.id);  // which is pulled last

  EXPECT_THAT(Pull(), StatusIs(StatusCode::kNotFound, tree_.id));

  EXPECT_EQ(objects_.size(), static_cast<std::size_t>(kChildren));
}

TEST_F(PullObjectsTest, AMessageThatIsTooLargeIsRefused) {
  options_.max_message_bytes = 600;

  EXPECT_THAT(Pull(), StatusIs(StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace flwrcpp::internal
