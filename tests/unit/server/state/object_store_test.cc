// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "superlink/state/tree_rules.h"
#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t kRun = 11;
constexpr std::uint64_t kOtherRun = std::uint64_t{1} << 63;

/// Objects of the shape of a message: root -> content -> two leaves.
class ObjectStoreTest : public StateTest {
 protected:
  static Object Leaf(const std::string& text) {
    return MakeObject(ObjectType::kArrayChunk, {}, Bytes(text));
  }
  static Object Parent(ObjectType type, const std::vector<Object>& children,
                       const std::string& text) {
    std::vector<std::string> ids;
    for (const Object& child : children) ids.push_back(child.id);
    return MakeObject(type, ids, Bytes(text));
  }
  static ObjectTree Tree(const Object& object, std::vector<ObjectTree> children = {}) {
    return {object.id, std::move(children)};
  }

  const Object leaf_a_ = Leaf("a");
  const Object leaf_b_ = Leaf(std::string("b\0\xff", 3));
  const Object content_ = Parent(ObjectType::kRecordDict, {leaf_b_, leaf_a_}, "content");
  const Object root_ = Parent(ObjectType::kMessage, {content_}, "root");
  const Object sibling_ = Parent(ObjectType::kMessage, {content_}, "sibling");
  const ObjectTree content_tree_ = Tree(content_, {Tree(leaf_b_), Tree(leaf_a_)});
  const ObjectTree root_tree_ = Tree(root_, {content_tree_});
  const ObjectTree sibling_tree_ = Tree(sibling_, {content_tree_});
  const std::vector<Object> all_ = {leaf_a_, leaf_b_, content_, root_};

  PushSession Open(const ObjectTree& tree, std::uint64_t run_id = kRun, double now = kNow) {
    const StatusOr<PushSession> push = objects().OpenPush(run_id, std::span(&tree, 1), now);
    EXPECT_THAT(push, IsOk());
    return push.value_or(PushSession());
  }
  PutResult Put(const std::string& session_id, const Object& object, std::uint64_t run_id = kRun,
                double now = kNow) {
    const StatusOr<PutResult> result = objects().Put(run_id, session_id, object, now);
    EXPECT_THAT(result, IsOk());
    return result.value_or(PutResult());
  }
  bool IsStored(const std::string& session_id, const Object& object, double now = kNow) {
    return Put(session_id, object, kRun, now).stored;
  }
  void Store(const ObjectTree& tree, const std::vector<Object>& given,
             std::uint64_t run_id = kRun) {
    EXPECT_THAT(objects().StoreTree(run_id, tree, given), IsOk());
  }
  ObjectState StateOf(const Object& object, std::uint64_t run_id = kRun) {
    const StatusOr<StoredObject> stored = objects().Get(run_id, object.id);
    EXPECT_THAT(stored, IsOk());
    return stored.ok() ? stored->state : ObjectState::kNotFound;
  }
  static std::string Content(const Object& object) {
    return std::string(object.head.view()) + std::string(object.body.view());
  }
};
FLWRCPP_FOR_EACH_STATE(ObjectStoreTest);

TEST_P(ObjectStoreTest, ATreeIsBroughtObjectByObjectAndReadBack) {
  const PushSession push = Open(root_tree_);
  EXPECT_THAT(push.missing, ElementsAre(leaf_b_.id, leaf_a_.id, content_.id, root_.id));
  EXPECT_EQ(StateOf(leaf_a_), ObjectState::kUnavailable);

  for (const Object& object : {root_, leaf_a_, content_}) {
    const PutResult result = Put(push.session_id, object);
    EXPECT_TRUE(result.stored);
    EXPECT_THAT(result.completed_roots, IsEmpty());
  }
  const PutResult last = Put(push.session_id, leaf_b_);

  EXPECT_TRUE(last.stored);
  EXPECT_THAT(last.completed_roots, ElementsAre(root_.id));
  for (const Object& object : all_) {
    const StatusOr<StoredObject> stored = objects().Get(kRun, object.id);
    ASSERT_THAT(stored, IsOk());
    EXPECT_EQ(stored->state, ObjectState::kAvailable);
    EXPECT_EQ(stored->object.id, object.id);
    EXPECT_EQ(stored->object.head, object.head);
    EXPECT_EQ(stored->object.body, object.body);
  }
}

TEST_P(ObjectStoreTest, TheTreeComesBackInTheOrderOfRegistration) {
  Store(root_tree_, all_);

  const StatusOr<ObjectTree> tree = objects().GetTree(kRun, root_.id);

  ASSERT_THAT(tree, IsOk());
  EXPECT_EQ(PostOrder(*tree), PostOrder(root_tree_));
  ASSERT_EQ(tree->children.size(), 1);
  ASSERT_EQ(tree->children[0].children.size(), 2);
  EXPECT_EQ(tree->children[0].children[0].id, leaf_b_.id);
  EXPECT_THAT(objects().GetTree(kOtherRun, root_.id), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(objects().GetTree(kRun, Id("unknown")), StatusIs(StatusCode::kNotFound));
}

TEST_P(ObjectStoreTest, OnlyWhatIsNotAvailableIsAskedForAndEachIdOnce) {
  Store(root_tree_, all_);
  const Object leaf_c = Leaf("c");
  const Object x = Parent(ObjectType::kArray, {leaf_a_, leaf_c}, "x");
  const Object y = Parent(ObjectType::kArray, {leaf_c}, "y");
  const Object other = Parent(ObjectType::kRecordDict, {x, y}, "other");
  const ObjectTree tree =
      Tree(other, {Tree(x, {Tree(leaf_a_), Tree(leaf_c)}), Tree(y, {Tree(leaf_c)})});

  EXPECT_THAT(Open(tree).missing, ElementsAre(leaf_c.id, x.id, y.id, other.id));
  EXPECT_THAT(Open(tree).missing, ElementsAre(leaf_c.id, x.id, y.id, other.id))
      << "registered is not available";
}

TEST_P(ObjectStoreTest, ACompleteTreeNeedsNoSession) {
  Store(root_tree_, all_);

  const PushSession push = Open(root_tree_);

  EXPECT_THAT(push.missing, IsEmpty());
  EXPECT_FALSE(push.session_id.empty());
  EXPECT_FALSE(IsStored(push.session_id, leaf_a_));
  EXPECT_THAT(*objects().ExpireSessions(kNow + 1000), IsEmpty());
}

TEST_P(ObjectStoreTest, OneSessionCanBringSeveralTrees) {
  const std::vector trees = {root_tree_, sibling_tree_};
  const StatusOr<PushSession> push = objects().OpenPush(kRun, trees, kNow);
  ASSERT_THAT(push, IsOk());
  EXPECT_THAT(push->missing,
              ElementsAre(leaf_b_.id, leaf_a_.id, content_.id, root_.id, sibling_.id));
  for (const Object& object : all_) EXPECT_TRUE(IsStored(push->session_id, object));

  EXPECT_THAT(Put(push->session_id, sibling_).completed_roots,
              UnorderedElementsAre(root_.id, sibling_.id));
}

TEST_P(ObjectStoreTest, MalformedTreesAreRefusedAndRegisterNothing) {
  const auto refused = [this](const ObjectTree& tree) {
    const std::vector trees = {Tree(Leaf("before")), tree};
    EXPECT_THAT(objects().OpenPush(kRun, trees, kNow), StatusIs(StatusCode::kInvalidArgument));
    EXPECT_EQ(StateOf(Leaf("before")), ObjectState::kNotFound);
    EXPECT_EQ(StateOf(leaf_a_), ObjectState::kNotFound);
  };
  ObjectTree deep = Tree(leaf_a_);
  for (int level = 0; level < kMaxTreeDepth; ++level) deep = {Id(std::to_string(level)), {deep}};

  refused({"", {}});
  refused({"abc", {Tree(leaf_a_)}});
  refused({std::string(64, 'g'), {}});
  refused(Tree(root_, {Tree(leaf_a_), Tree(leaf_a_)}));
  refused(Tree(root_, {Tree(leaf_a_), Tree(leaf_b_, {Tree(leaf_a_, {Tree(leaf_b_)})})}));
  refused(deep);
}

TEST_P(ObjectStoreTest, OtherChildrenThanKnownAreRefused) {
  Store(root_tree_, all_);
  const std::vector fewer = {Tree(root_, {Tree(content_, {Tree(leaf_a_)})})};
  const std::vector<ObjectTree> none = {Tree(content_)};
  const std::vector reordered = {Tree(content_, {Tree(leaf_a_), Tree(leaf_b_)})};

  EXPECT_THAT(objects().OpenPush(kRun, fewer, kNow), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(objects().OpenPush(kRun, none, kNow), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(objects().OpenPush(kRun, reordered, kNow), IsOk());
}

TEST_P(ObjectStoreTest, AnObjectWhoseHeadDiffersFromItsTreeIsNotStored) {
  const PushSession push = Open(Tree(content_, {Tree(leaf_a_)}));

  EXPECT_FALSE(IsStored(push.session_id, content_));
  EXPECT_TRUE(IsStored(push.session_id, leaf_a_));
  EXPECT_EQ(StateOf(content_), ObjectState::kUnavailable);
}

TEST_P(ObjectStoreTest, APutNeedsALiveSessionOfItsRunThatWaitsForTheObject) {
  const PushSession push = Open(root_tree_);

  EXPECT_FALSE(IsStored("no session", leaf_a_));
  EXPECT_FALSE(Put(push.session_id, leaf_a_, kOtherRun).stored);
  EXPECT_FALSE(IsStored(push.session_id, Leaf("never asked for")));
  EXPECT_FALSE(IsStored(push.session_id, leaf_a_, kNow + kPushSessionLifetime));
  EXPECT_TRUE(IsStored(push.session_id, leaf_a_, kNow + kPushSessionLifetime - 1));
  EXPECT_FALSE(IsStored(push.session_id, leaf_a_)) << "it is there already";
}

TEST_P(ObjectStoreTest, EachStoredObjectRenewsTheSession) {
  const PushSession push = Open(root_tree_);

  EXPECT_TRUE(IsStored(push.session_id, leaf_a_, kNow + 170));
  EXPECT_TRUE(IsStored(push.session_id, leaf_b_, kNow + 340));
  EXPECT_THAT(*objects().ExpireSessions(kNow + 519), IsEmpty());
  EXPECT_TRUE(IsStored(push.session_id, content_, kNow + 519));
  EXPECT_FALSE(IsStored(push.session_id, root_, kNow + 700));
}

TEST_P(ObjectStoreTest, AnExpiredSessionTakesItsTreesWithIt) {
  const PushSession push = Open(root_tree_);
  ASSERT_TRUE(IsStored(push.session_id, leaf_a_));

  EXPECT_THAT(*objects().ExpireSessions(kNow + 179), IsEmpty());
  EXPECT_THAT(*objects().ExpireSessions(kNow + 180), ElementsAre(root_.id));

  for (const Object& object : all_) EXPECT_EQ(StateOf(object), ObjectState::kNotFound);
  EXPECT_THAT(*objects().ExpireSessions(kNow + 1000), IsEmpty());
  EXPECT_FALSE(IsStored(push.session_id, leaf_b_));
}

TEST_P(ObjectStoreTest, WhatAnotherMessageSharesOutlivesAnExpiredSession) {
  Store(sibling_tree_, {leaf_a_, leaf_b_, content_, sibling_});
  Open(root_tree_);

  EXPECT_THAT(*objects().ExpireSessions(kNow + 180), ElementsAre(root_.id));

  EXPECT_EQ(StateOf(root_), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(leaf_a_), ObjectState::kAvailable);
}

TEST_P(ObjectStoreTest, ALaterPushOfTheSameRootTakesOver) {
  const PushSession old = Open(root_tree_);
  ASSERT_TRUE(IsStored(old.session_id, leaf_a_));

  const PushSession push = Open(root_tree_, kRun, kNow + 100);

  EXPECT_NE(push.session_id, old.session_id);
  EXPECT_THAT(push.missing, ElementsAre(leaf_b_.id, content_.id, root_.id));
  EXPECT_FALSE(IsStored(old.session_id, leaf_b_));
  EXPECT_THAT(*objects().ExpireSessions(kNow + 200), IsEmpty());
  for (const Object& object : {leaf_b_, content_}) {
    EXPECT_TRUE(IsStored(push.session_id, object, kNow + 200));
  }
  EXPECT_THAT(Put(push.session_id, root_, kRun, kNow + 200).completed_roots, ElementsAre(root_.id));
}

TEST_P(ObjectStoreTest, ASessionThatKeepsAnotherRootGoesOn) {
  const std::vector trees = {root_tree_, sibling_tree_};
  const PushSession both = *objects().OpenPush(kRun, trees, kNow);

  Open(root_tree_);

  for (const Object& object : all_) EXPECT_TRUE(IsStored(both.session_id, object));
  EXPECT_THAT(Put(both.session_id, sibling_).completed_roots, ElementsAre(sibling_.id));
}

TEST_P(ObjectStoreTest, TwoSessionsMayWaitForTheSameObject) {
  const PushSession first = Open(root_tree_);
  const PushSession second = Open(sibling_tree_);

  for (const Object& object : {leaf_a_, leaf_b_, content_}) {
    EXPECT_TRUE(IsStored(first.session_id, object));
    EXPECT_TRUE(IsStored(second.session_id, object));
  }
  EXPECT_THAT(Put(second.session_id, sibling_).completed_roots, ElementsAre(sibling_.id));
  EXPECT_THAT(Put(first.session_id, root_).completed_roots, ElementsAre(root_.id));
}

TEST_P(ObjectStoreTest, WithoutASessionIdAnySessionOfTheRunThatWaitsWillDo) {
  Open(root_tree_);
  Open(sibling_tree_);
  const Object elsewhere = Leaf("elsewhere");
  Open(Tree(elsewhere), kOtherRun);

  EXPECT_TRUE(IsStored("", leaf_a_));
  EXPECT_TRUE(IsStored("", leaf_a_)) << "the second session waits for it too";
  EXPECT_FALSE(IsStored("", leaf_a_));
  EXPECT_FALSE(IsStored("", elsewhere));
  EXPECT_FALSE(IsStored("", leaf_b_, kNow + 400));
  EXPECT_TRUE(IsStored("", root_));
}

TEST_P(ObjectStoreTest, StoreTreeStoresAllAtOnce) {
  Store(root_tree_, all_);
  Store(sibling_tree_, {sibling_});

  for (const Object& object : all_) EXPECT_EQ(StateOf(object), ObjectState::kAvailable);
  EXPECT_EQ(StateOf(sibling_), ObjectState::kAvailable);
}

TEST_P(ObjectStoreTest, StoreTreeRefusesGapsAndForeignObjects) {
  const std::vector<Object> gap = {leaf_a_, content_, root_};
  std::vector<Object> more = all_;
  more.push_back(Leaf("more"));
  const std::vector<Object> wrong_head = {leaf_a_, content_};

  EXPECT_THAT(objects().StoreTree(kRun, root_tree_, gap),
              StatusIs(StatusCode::kInvalidArgument, leaf_b_.id));
  EXPECT_THAT(objects().StoreTree(kRun, root_tree_, more), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(objects().StoreTree(kRun, Tree(content_, {Tree(leaf_a_)}), wrong_head),
              StatusIs(StatusCode::kInvalidArgument));

  for (const Object& object : all_) EXPECT_EQ(StateOf(object), ObjectState::kNotFound);
}

TEST_P(ObjectStoreTest, StoreTreeCompletesWhatWasRegistered) {
  const PushSession push = Open(root_tree_);

  Store(root_tree_, all_);

  for (const Object& object : all_) EXPECT_EQ(StateOf(object), ObjectState::kAvailable);
  for (const Object& object : all_) EXPECT_TRUE(IsStored(push.session_id, object));
}

TEST_P(ObjectStoreTest, ConfirmingAMessageTakesItsTree) {
  Store(root_tree_, all_);

  ASSERT_THAT(objects().Confirm(kRun, root_.id), IsOk());

  for (const Object& object : all_) EXPECT_EQ(StateOf(object), ObjectState::kNotFound);
  EXPECT_THAT(objects().Confirm(kRun, root_.id), IsOk()) << "again";
}

TEST_P(ObjectStoreTest, SharedContentGoesWithTheLastMessage) {
  Store(root_tree_, all_);
  Store(sibling_tree_, {sibling_});

  ASSERT_THAT(objects().Confirm(kRun, root_.id), IsOk());
  EXPECT_EQ(StateOf(root_), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(content_), ObjectState::kAvailable);
  EXPECT_EQ(StateOf(leaf_b_), ObjectState::kAvailable);

  ASSERT_THAT(objects().Confirm(kRun, sibling_.id), IsOk());
  EXPECT_EQ(StateOf(content_), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(leaf_b_), ObjectState::kNotFound);
}

TEST_P(ObjectStoreTest, AnObjectThatAnotherNamesCannotBeConfirmedAway) {
  Store(root_tree_, all_);

  ASSERT_THAT(objects().Confirm(kRun, content_.id), IsOk());
  ASSERT_THAT(objects().Confirm(kRun, leaf_a_.id), IsOk());

  EXPECT_EQ(StateOf(content_), ObjectState::kAvailable);
  EXPECT_EQ(StateOf(leaf_a_), ObjectState::kAvailable);
}

TEST_P(ObjectStoreTest, AnObjectIsReadAndConfirmedOnlyInItsRun) {
  Store(root_tree_, all_);

  EXPECT_EQ(StateOf(leaf_a_, kOtherRun), ObjectState::kNotFound);
  ASSERT_THAT(objects().Confirm(kOtherRun, root_.id), IsOk());
  EXPECT_EQ(StateOf(root_), ObjectState::kAvailable);
}

TEST_P(ObjectStoreTest, ClearingARunSparesOtherRuns) {
  Store(root_tree_, all_);
  Store(sibling_tree_, {sibling_}, kOtherRun);
  const Object lone = Leaf("lone");
  const PushSession push = Open(Tree(lone));

  ASSERT_THAT(objects().ClearRun(kRun), IsOk());
  ASSERT_THAT(objects().ClearRun(12345), IsOk());

  EXPECT_EQ(StateOf(root_), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(content_), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(lone), ObjectState::kNotFound);
  EXPECT_FALSE(IsStored(push.session_id, lone));
  EXPECT_THAT(*objects().ExpireSessions(kNow + 1000), IsEmpty());
  for (const Object& object : {leaf_a_, leaf_b_, content_, sibling_}) {
    EXPECT_EQ(StateOf(object, kOtherRun), ObjectState::kAvailable);
  }
  ASSERT_THAT(objects().ClearRun(kOtherRun), IsOk());
  EXPECT_EQ(StateOf(leaf_a_, kOtherRun), ObjectState::kNotFound);
}

TEST_P(ObjectStoreTest, AMessageOfTwoRunsStaysUntilBothAreDoneWithIt) {
  Store(root_tree_, all_);
  Store(root_tree_, {}, kOtherRun);

  ASSERT_THAT(objects().Confirm(kRun, root_.id), IsOk());
  EXPECT_EQ(StateOf(root_), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(root_, kOtherRun), ObjectState::kAvailable);
  ASSERT_THAT(objects().Confirm(kOtherRun, root_.id), IsOk());

  EXPECT_EQ(StateOf(root_, kOtherRun), ObjectState::kNotFound);
  EXPECT_EQ(StateOf(leaf_a_, kOtherRun), ObjectState::kNotFound);
}

TEST_P(ObjectStoreTest, ASessionWhoseObjectWasDeletedEndsByExpiry) {
  // A root that is named by another tree goes with that tree.
  Store(root_tree_, all_);
  const Object leaf_c = Leaf("c");
  const Object inner = Parent(ObjectType::kArray, {leaf_c}, "inner");
  const PushSession push = Open(Tree(inner, {Tree(leaf_c)}));
  const Object outer = Parent(ObjectType::kMessage, {inner}, "outer");
  const ObjectTree outer_tree = Tree(outer, {Tree(inner, {Tree(leaf_c)})});
  Store(outer_tree, {outer, inner, leaf_c});
  ASSERT_THAT(objects().Confirm(kRun, outer.id), IsOk());

  EXPECT_FALSE(IsStored(push.session_id, leaf_c));
  EXPECT_THAT(*objects().ExpireSessions(kNow + 180), ElementsAre(inner.id));
}

TEST_P(ObjectStoreTest, AnEmptyBodyIsAvailable) {
  const Object empty = Leaf("");
  Store(Tree(empty), {empty});

  const StatusOr<StoredObject> stored = objects().Get(kRun, empty.id);

  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->state, ObjectState::kAvailable);
  EXPECT_EQ(Content(stored->object), Content(empty));
}

TEST(TreeRulesTest, TooManyNodesAreRefused) {
  const std::string leaf(64, '1');
  ObjectTree wide{std::string(64, '2'), {}};
  for (std::size_t i = 0; i < kMaxTreeNodes; ++i) wide.children.push_back({leaf, {}});

  EXPECT_THAT(FlattenTrees(std::span(&wide, 1)), StatusIs(StatusCode::kInvalidArgument, "nodes"));
}

}  // namespace
}  // namespace flwrcpp::internal
