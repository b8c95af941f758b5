// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/sqlite_object_store.h"

#include <utility>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/state/tree_rules.h"

namespace flwrcpp::internal {

StatusOr<std::optional<SqliteObjectStore::Key>> SqliteObjectStore::FindLocked(
    const std::string& object_id) {
  return database().Lookup("SELECT id FROM object WHERE object_id = ?", {object_id});
}

StatusOr<std::optional<SqliteObjectStore::Key>> SqliteObjectStore::FindInRunLocked(
    std::uint64_t run_id, const std::string& object_id) {
  return database().Lookup(
      "SELECT id FROM object JOIN run_object ON object = id WHERE object_id = ? AND run_id = ?",
      {object_id, run_id});
}

StatusOr<bool> SqliteObjectStore::IsAvailableLocked(Key object) {
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto found,
      database().Lookup("SELECT 1 FROM object_content WHERE object = ?", {object}));
  return found.has_value();
}

StatusOr<std::vector<std::string>> SqliteObjectStore::ChildrenLocked(Key object) {
  std::vector<std::string> ids;
  SqliteQuery row = database().Query(
      "SELECT object_id FROM object_child JOIN object ON id = child WHERE parent = ? "
      "ORDER BY position",
      {object});
  while (row.Next()) ids.push_back(row.Text(0));
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return ids;
}

StatusOr<std::vector<SqliteObjectStore::Key>> SqliteObjectStore::RegisterLocked(
    std::uint64_t run_id, const std::vector<const ObjectTree*>& nodes) {
  std::vector<Key> keys;
  keys.reserve(nodes.size());
  std::unordered_map<std::string_view, Key> by_id;
  for (const ObjectTree* node : nodes) {
    FLWRCPP_ASSIGN_OR_RETURN(std::optional<Key> key, FindLocked(node->id));
    if (key.has_value()) {
      FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::string> known, ChildrenLocked(*key));
      if (!HasSameChildren(*node, known)) return OtherChildrenKnown(node->id);
    } else {
      FLWRCPP_RETURN_IF_ERROR(
          database().Run("INSERT INTO object (object_id) VALUES (?)", {node->id}));
      key = database().last_row();
      int position = 0;
      for (const ObjectTree& child : node->children) {
        const Key child_key = by_id.at(child.id);  // Children come first.
        FLWRCPP_RETURN_IF_ERROR(
            database().Run("INSERT INTO object_child (parent, position, child) VALUES (?, ?, ?)",
                           {*key, position++, child_key}));
        FLWRCPP_RETURN_IF_ERROR(database().Run(
            "UPDATE object SET reference_count = reference_count + 1 WHERE id = ?", {child_key}));
      }
    }
    FLWRCPP_RETURN_IF_ERROR(database().Run(
        "INSERT OR IGNORE INTO run_object (run_id, object) VALUES (?, ?)", {run_id, *key}));
    by_id.emplace(node->id, *key);
    keys.push_back(*key);
  }
  return keys;
}

Status SqliteObjectStore::InsertContentLocked(Key object, const Object& content) {
  return database().Run(
      "INSERT OR IGNORE INTO object_content (object, head, body) VALUES (?, ?, ?)",
      {object, content.head, content.body});
}

StatusOr<PushSession> SqliteObjectStore::OpenPush(std::uint64_t run_id,
                                                  std::span<const ObjectTree> trees, double now) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<const ObjectTree*> nodes, FlattenTrees(trees));
  PushSession push;
  push.session_id = RandomUuid();
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<Key> keys, RegisterLocked(run_id, nodes));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(const bool available, IsAvailableLocked(keys[i]));
    if (!available) push.missing.push_back(nodes[i]->id);
  }
  for (const ObjectTree& tree : trees) FLWRCPP_RETURN_IF_ERROR(ReleaseRootLocked(tree.id));
  if (!push.missing.empty()) {
    FLWRCPP_RETURN_IF_ERROR(
        database().Run("INSERT INTO push_session (session_id, run_id, expires_at) VALUES (?, ?, ?)",
                       {push.session_id, run_id, now + kPushSessionLifetime}));
    const Key session = database().last_row();
    for (const ObjectTree& tree : trees) {
      FLWRCPP_RETURN_IF_ERROR(
          database().Run("INSERT OR IGNORE INTO push_root (session, object_id) VALUES (?, ?)",
                         {session, tree.id}));
    }
    for (const std::string& id : push.missing) {
      FLWRCPP_RETURN_IF_ERROR(database().Run(
          "INSERT INTO push_pending (session, object_id) VALUES (?, ?)", {session, id}));
    }
  }
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return push;
}

StatusOr<std::optional<SqliteObjectStore::Key>> SqliteObjectStore::FindSessionLocked(
    std::uint64_t run_id, const std::string& session_id, const std::string& object_id, double now) {
  if (session_id.empty()) {
    // CROSS JOIN fixes the order: few sessions wait for one object, many may be of one run.
    return database().Lookup(
        "SELECT id FROM push_pending CROSS JOIN push_session ON id = session "
        "WHERE object_id = ? AND run_id = ? AND expires_at > ? ORDER BY id LIMIT 1",
        {object_id, run_id, now});
  }
  return database().Lookup(
      "SELECT id FROM push_session JOIN push_pending ON session = id "
      "WHERE session_id = ? AND object_id = ? AND run_id = ? AND expires_at > ?",
      {session_id, object_id, run_id, now});
}

StatusOr<std::vector<std::string>> SqliteObjectStore::RootsLocked(Key session) {
  std::vector<std::string> roots;
  SqliteQuery row =
      database().Query("SELECT object_id FROM push_root WHERE session = ?", {session});
  while (row.Next()) roots.push_back(row.Text(0));
  FLWRCPP_RETURN_IF_ERROR(row.status());
  return roots;
}

Status SqliteObjectStore::EndSessionLocked(Key session) {
  return database().Run("DELETE FROM push_session WHERE id = ?", {session});
}

Status SqliteObjectStore::ReleaseRootLocked(const std::string& root) {
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto session,
      database().Lookup("SELECT session FROM push_root WHERE object_id = ?", {root}));
  if (!session.has_value()) return absl::OkStatus();
  FLWRCPP_RETURN_IF_ERROR(database().Run("DELETE FROM push_root WHERE object_id = ?", {root}));
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto other,
      database().Lookup("SELECT 1 FROM push_root WHERE session = ? LIMIT 1", {*session}));
  return other.has_value() ? absl::OkStatus() : EndSessionLocked(*session);
}

StatusOr<PutResult> SqliteObjectStore::Put(std::uint64_t run_id, const std::string& session_id,
                                           const Object& object, double now) {
  PutResult result;
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_ASSIGN_OR_RETURN(const auto key, FindLocked(object.id));
  if (!key.has_value()) return result;
  FLWRCPP_ASSIGN_OR_RETURN(const auto session,
                           FindSessionLocked(run_id, session_id, object.id, now));
  if (!session.has_value()) return result;
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::string> children, ChildrenLocked(*key));
  if (!HeadNamesChildren(object, children)) return result;

  FLWRCPP_RETURN_IF_ERROR(InsertContentLocked(*key, object));
  FLWRCPP_RETURN_IF_ERROR(database().Run(
      "DELETE FROM push_pending WHERE session = ? AND object_id = ?", {*session, object.id}));
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto pending,
      database().Lookup("SELECT 1 FROM push_pending WHERE session = ? LIMIT 1", {*session}));
  if (pending.has_value()) {
    FLWRCPP_RETURN_IF_ERROR(database().Run("UPDATE push_session SET expires_at = ? WHERE id = ?",
                                           {now + kPushSessionLifetime, *session}));
  } else {
    FLWRCPP_ASSIGN_OR_RETURN(result.completed_roots, RootsLocked(*session));
    FLWRCPP_RETURN_IF_ERROR(EndSessionLocked(*session));
  }
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  result.stored = true;
  return result;
}

Status SqliteObjectStore::StoreTree(std::uint64_t run_id, const ObjectTree& tree,
                                    std::span<const Object> objects) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<const ObjectTree*> nodes,
                           FlattenTrees(std::span(&tree, 1)));
  FLWRCPP_ASSIGN_OR_RETURN(const auto given, MatchObjects(tree, nodes, objects));
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<Key> keys, RegisterLocked(run_id, nodes));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(const bool available, IsAvailableLocked(keys[i]));
    if (available) continue;
    const auto object = given.find(nodes[i]->id);
    if (object == given.end()) return ObjectMissing(nodes[i]->id, tree.id);
    FLWRCPP_RETURN_IF_ERROR(InsertContentLocked(keys[i], *object->second));
  }
  return transaction.Commit();
}

StatusOr<StoredObject> SqliteObjectStore::Get(std::uint64_t run_id, const std::string& object_id) {
  StoredObject stored;
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const auto key, FindInRunLocked(run_id, object_id));
  if (!key.has_value()) return stored;
  FLWRCPP_ASSIGN_OR_RETURN(const bool available, IsAvailableLocked(*key));
  if (!available) {
    stored.state = ObjectState::kUnavailable;
    return stored;
  }
  FLWRCPP_ASSIGN_OR_RETURN(stored.object.head, database().ReadBlob("object_content", "head", *key));
  FLWRCPP_ASSIGN_OR_RETURN(stored.object.body, database().ReadBlob("object_content", "body", *key));
  stored.object.id = object_id;
  stored.state = ObjectState::kAvailable;
  return stored;
}

StatusOr<ObjectTree> SqliteObjectStore::TreeLocked(Key object, std::string object_id, int depth) {
  if (depth > kMaxTreeDepth) {
    return MakeError(StatusCode::kDataLoss, "database {}: the tree of object {} has no end",
                     database().path(), object_id);
  }
  ObjectTree tree{std::move(object_id), {}};
  std::vector<std::pair<Key, std::string>> children;
  {
    SqliteQuery row = database().Query(
        "SELECT id, object_id FROM object_child JOIN object ON id = child WHERE parent = ? "
        "ORDER BY position",
        {object});
    while (row.Next()) children.emplace_back(row.Integer(0), row.Text(1));
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  tree.children.reserve(children.size());
  for (auto& [key, id] : children) {
    FLWRCPP_ASSIGN_OR_RETURN(ObjectTree child, TreeLocked(key, std::move(id), depth + 1));
    tree.children.push_back(std::move(child));
  }
  return tree;
}

StatusOr<ObjectTree> SqliteObjectStore::GetTree(std::uint64_t run_id,
                                                const std::string& object_id) {
  const std::lock_guard lock(file_->mutex);
  FLWRCPP_ASSIGN_OR_RETURN(const auto key, FindInRunLocked(run_id, object_id));
  if (!key.has_value()) {
    return MakeError(StatusCode::kNotFound, "object {} is not of run {}", object_id, run_id);
  }
  return TreeLocked(*key, object_id, 1);
}

Status SqliteObjectStore::DeleteLocked(Key object) {
  std::vector<Key> unnamed = {object};
  while (!unnamed.empty()) {
    const Key key = unnamed.back();
    unnamed.pop_back();
    std::vector<Key> children;
    {
      SqliteQuery row = database().Query("SELECT child FROM object_child WHERE parent = ?", {key});
      while (row.Next()) children.push_back(row.Integer(0));
      FLWRCPP_RETURN_IF_ERROR(row.status());
    }
    FLWRCPP_RETURN_IF_ERROR(database().Run("DELETE FROM object WHERE id = ?", {key}));
    for (const Key child : children) {
      FLWRCPP_ASSIGN_OR_RETURN(
          const auto references,
          database().Lookup("UPDATE object SET reference_count = reference_count - 1 "
                            "WHERE id = ? RETURNING reference_count",
                            {child}));
      if (references.has_value() && *references <= 0) unnamed.push_back(child);
    }
  }
  return absl::OkStatus();
}

Status SqliteObjectStore::LeaveRunLocked(std::uint64_t run_id, const std::string& object_id) {
  FLWRCPP_ASSIGN_OR_RETURN(const auto key, FindInRunLocked(run_id, object_id));
  if (!key.has_value()) return absl::OkStatus();
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto references,
      database().Lookup("SELECT reference_count FROM object WHERE id = ?", {*key}));
  if (references.value_or(0) > 0) return absl::OkStatus();
  FLWRCPP_RETURN_IF_ERROR(
      database().Run("DELETE FROM run_object WHERE run_id = ? AND object = ?", {run_id, *key}));
  FLWRCPP_ASSIGN_OR_RETURN(
      const auto other_run,
      database().Lookup("SELECT 1 FROM run_object WHERE object = ? LIMIT 1", {*key}));
  return other_run.has_value() ? absl::OkStatus() : DeleteLocked(*key);
}

Status SqliteObjectStore::Confirm(std::uint64_t run_id, const std::string& object_id) {
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(LeaveRunLocked(run_id, object_id));
  return transaction.Commit();
}

StatusOr<std::vector<std::string>> SqliteObjectStore::ExpireSessions(double now) {
  std::vector<std::string> roots;
  const std::lock_guard lock(file_->mutex);
  std::vector<std::pair<Key, std::uint64_t>> expired;
  {
    SqliteQuery row =
        database().Query("SELECT id, run_id FROM push_session WHERE expires_at <= ?", {now});
    while (row.Next()) expired.emplace_back(row.Integer(0), row.Id(1));
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  if (expired.empty()) return roots;
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  for (const auto& [session, run_id] : expired) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::string> dropped, RootsLocked(session));
    FLWRCPP_RETURN_IF_ERROR(EndSessionLocked(session));
    for (const std::string& root : dropped) {
      FLWRCPP_RETURN_IF_ERROR(LeaveRunLocked(run_id, root));
    }
    roots.insert(roots.end(), dropped.begin(), dropped.end());
  }
  FLWRCPP_RETURN_IF_ERROR(transaction.Commit());
  return roots;
}

Status SqliteObjectStore::ClearRun(std::uint64_t run_id) {
  const std::lock_guard lock(file_->mutex);
  SqliteTransaction transaction(database());
  FLWRCPP_RETURN_IF_ERROR(transaction.status());
  FLWRCPP_RETURN_IF_ERROR(database().Run("DELETE FROM push_session WHERE run_id = ?", {run_id}));
  std::vector<Key> objects;
  {
    SqliteQuery row = database().Query("SELECT object FROM run_object WHERE run_id = ?", {run_id});
    while (row.Next()) objects.push_back(row.Integer(0));
    FLWRCPP_RETURN_IF_ERROR(row.status());
  }
  FLWRCPP_RETURN_IF_ERROR(database().Run("DELETE FROM run_object WHERE run_id = ?", {run_id}));
  for (const Key object : objects) {
    // Empty for what went with its parent.
    FLWRCPP_ASSIGN_OR_RETURN(
        const auto unused,
        database().Lookup("SELECT 1 FROM object WHERE id = ?1 AND reference_count = 0 "
                          "AND NOT EXISTS (SELECT 1 FROM run_object WHERE object = ?1)",
                          {object}));
    if (unused.has_value()) FLWRCPP_RETURN_IF_ERROR(DeleteLocked(object));
  }
  return transaction.Commit();
}

}  // namespace flwrcpp::internal
