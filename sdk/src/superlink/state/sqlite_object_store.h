// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "superlink/state/object_store.h"
#include "superlink/state/sqlite_schema.h"

namespace flwrcpp::internal {

/// ObjectStore in an SQLite file. Methods with "Locked" want the file's mutex held, and those that
/// change something a transaction. Rows of objects and sessions are known by their integer keys.
class SqliteObjectStore final : public ObjectStore {
 public:
  explicit SqliteObjectStore(std::shared_ptr<SqliteStateFile> file) : file_(std::move(file)) {}

  StatusOr<PushSession> OpenPush(std::uint64_t run_id, std::span<const ObjectTree> trees,
                                 double now) override;
  StatusOr<PutResult> Put(std::uint64_t run_id, const std::string& session_id, const Object& object,
                          double now) override;
  Status StoreTree(std::uint64_t run_id, const ObjectTree& tree,
                   std::span<const Object> objects) override;
  StatusOr<StoredObject> Get(std::uint64_t run_id, const std::string& object_id) override;
  StatusOr<ObjectTree> GetTree(std::uint64_t run_id, const std::string& object_id) override;
  Status Confirm(std::uint64_t run_id, const std::string& object_id) override;
  StatusOr<std::vector<std::string>> ExpireSessions(double now) override;
  Status ClearRun(std::uint64_t run_id) override;

 private:
  using Key = std::int64_t;

  SqliteDatabase& database() { return *file_->database; }
  StatusOr<std::optional<Key>> FindLocked(const std::string& object_id);
  StatusOr<std::optional<Key>> FindInRunLocked(std::uint64_t run_id, const std::string& object_id);
  StatusOr<bool> IsAvailableLocked(Key object);
  StatusOr<std::vector<std::string>> ChildrenLocked(Key object);
  /// Registers nodes that `FlattenTrees` gave; returns their keys.
  StatusOr<std::vector<Key>> RegisterLocked(std::uint64_t run_id,
                                            const std::vector<const ObjectTree*>& nodes);
  Status InsertContentLocked(Key object, const Object& content);
  StatusOr<ObjectTree> TreeLocked(Key object, std::string object_id, int depth);

  /// The session in which the object may be put.
  StatusOr<std::optional<Key>> FindSessionLocked(std::uint64_t run_id,
                                                 const std::string& session_id,
                                                 const std::string& object_id, double now);
  StatusOr<std::vector<std::string>> RootsLocked(Key session);
  Status EndSessionLocked(Key session);
  /// Takes a root from the session that waits for it.
  Status ReleaseRootLocked(const std::string& root);

  /// Takes an object that nothing names from a run, and deletes it if that was its last.
  Status LeaveRunLocked(std::uint64_t run_id, const std::string& object_id);
  /// Deletes an object that nothing names, and what then is named by nothing.
  Status DeleteLocked(Key object);

  std::shared_ptr<SqliteStateFile> file_;
};

}  // namespace flwrcpp::internal
