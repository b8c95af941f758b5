// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/state/object_store.h"
#include "superlink/state/tree_rules.h"

namespace flwrcpp::internal {
namespace {

struct Entry {
  bool available = false;
  Object object;  ///< Empty until available.
  std::vector<std::string> children;
  std::size_t references = 0;         ///< Registered objects that name this one.
  std::set<std::uint64_t> runs;       ///< As a rule one.
  std::vector<std::string> sessions;  ///< Those that wait for it.
};

struct Session {
  std::uint64_t run_id = 0;
  double expires_at = 0;
  std::vector<std::string> roots;
  std::unordered_set<std::string> pending;
};

/// Objects in hash maps under one mutex. Methods with "Locked" want it held.
class MemoryObjectStore final : public ObjectStore {
 public:
  StatusOr<PushSession> OpenPush(std::uint64_t run_id, std::span<const ObjectTree> trees,
                                 double now) override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<const ObjectTree*> nodes, FlattenTrees(trees));
    PushSession push;
    push.session_id = RandomUuid();
    const std::lock_guard lock(mutex_);
    FLWRCPP_RETURN_IF_ERROR(CheckAgainstKnownLocked(nodes));
    RegisterLocked(run_id, nodes);
    for (const ObjectTree* node : nodes) {
      if (!entries_.at(node->id).available) push.missing.push_back(node->id);
    }
    for (const ObjectTree& tree : trees) ReleaseRootLocked(tree.id);
    if (push.missing.empty()) return push;

    Session session;
    session.run_id = run_id;
    session.expires_at = now + kPushSessionLifetime;
    for (const ObjectTree& tree : trees) {
      if (session_of_root_.emplace(tree.id, push.session_id).second) {
        session.roots.push_back(tree.id);
      }
    }
    for (const std::string& id : push.missing) {
      entries_.at(id).sessions.push_back(push.session_id);
      session.pending.insert(id);
    }
    expiries_.emplace(session.expires_at, push.session_id);
    sessions_.emplace(push.session_id, std::move(session));
    return push;
  }

  StatusOr<PutResult> Put(std::uint64_t run_id, const std::string& session_id, const Object& object,
                          double now) override {
    PutResult result;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(object.id);
    if (found == entries_.end()) return result;
    Entry& entry = found->second;
    // A copy: ending the session destroys the text it is known by.
    const std::string id = FindSessionLocked(run_id, session_id, object.id, entry, now);
    if (id.empty() || !HeadNamesChildren(object, entry.children)) return result;

    result.stored = true;
    if (!entry.available) {
      entry.object = object;
      entry.available = true;
    }
    std::erase(entry.sessions, id);
    Session& session = sessions_.at(id);
    session.pending.erase(object.id);
    if (session.pending.empty()) {
      result.completed_roots = EndSessionLocked(id).roots;
      return result;
    }
    expiries_.erase({session.expires_at, id});
    session.expires_at = now + kPushSessionLifetime;
    expiries_.emplace(session.expires_at, id);
    return result;
  }

  Status StoreTree(std::uint64_t run_id, const ObjectTree& tree,
                   std::span<const Object> objects) override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<const ObjectTree*> nodes,
                             FlattenTrees(std::span(&tree, 1)));
    FLWRCPP_ASSIGN_OR_RETURN(const ObjectsById given, MatchObjects(tree, nodes, objects));
    const std::lock_guard lock(mutex_);
    FLWRCPP_RETURN_IF_ERROR(CheckAgainstKnownLocked(nodes));
    for (const ObjectTree* node : nodes) {
      const auto known = entries_.find(node->id);
      if ((known == entries_.end() || !known->second.available) && !given.contains(node->id)) {
        return ObjectMissing(node->id, tree.id);
      }
    }
    RegisterLocked(run_id, nodes);
    for (const auto& [id, object] : given) {
      Entry& entry = entries_.at(object->id);
      if (entry.available) continue;
      entry.object = *object;
      entry.available = true;
    }
    return absl::OkStatus();
  }

  StatusOr<StoredObject> Get(std::uint64_t run_id, const std::string& object_id) override {
    const std::lock_guard lock(mutex_);
    const Entry* const entry = FindLocked(run_id, object_id);
    if (entry == nullptr) return StoredObject{};
    if (!entry->available) return StoredObject{ObjectState::kUnavailable, {}};
    return StoredObject{ObjectState::kAvailable, entry->object};
  }

  StatusOr<ObjectTree> GetTree(std::uint64_t run_id, const std::string& object_id) override {
    const std::lock_guard lock(mutex_);
    if (FindLocked(run_id, object_id) == nullptr) {
      return MakeError(StatusCode::kNotFound, "object {} is not of run {}", object_id, run_id);
    }
    return TreeLocked(object_id);
  }

  Status Confirm(std::uint64_t run_id, const std::string& object_id) override {
    std::vector<Entry> garbage;  // Declared first: large buffers go after the lock is released.
    const std::lock_guard lock(mutex_);
    LeaveRunLocked(run_id, object_id, garbage);
    return absl::OkStatus();
  }

  StatusOr<std::vector<std::string>> ExpireSessions(double now) override {
    std::vector<std::string> roots;
    std::vector<Entry> garbage;
    const std::lock_guard lock(mutex_);
    while (!expiries_.empty() && expiries_.begin()->first <= now) {
      const Session session = EndSessionLocked(expiries_.begin()->second);
      for (const std::string& root : session.roots) LeaveRunLocked(session.run_id, root, garbage);
      roots.insert(roots.end(), session.roots.begin(), session.roots.end());
    }
    return roots;
  }

  Status ClearRun(std::uint64_t run_id) override {
    std::vector<Entry> garbage;
    const std::lock_guard lock(mutex_);
    std::vector<std::string> ended;
    for (const auto& [id, session] : sessions_) {
      if (session.run_id == run_id) ended.push_back(id);
    }
    for (const std::string& id : ended) EndSessionLocked(id);
    const auto found = objects_of_run_.find(run_id);
    if (found == objects_of_run_.end()) return absl::OkStatus();
    const std::unordered_set<std::string> ids = std::move(found->second);
    objects_of_run_.erase(found);
    for (const std::string& id : ids) {
      const auto entry = entries_.find(id);
      if (entry == entries_.end()) continue;  // Went with its parent.
      entry->second.runs.erase(run_id);
      if (entry->second.runs.empty()) DeleteLocked(id, garbage);
    }
    return absl::OkStatus();
  }

 private:
  static std::vector<std::string> IdsOf(const std::vector<ObjectTree>& nodes) {
    std::vector<std::string> ids;
    ids.reserve(nodes.size());
    for (const ObjectTree& node : nodes) ids.push_back(node.id);
    return ids;
  }

  const Entry* FindLocked(std::uint64_t run_id, const std::string& object_id) const {
    const auto found = entries_.find(object_id);
    return found != entries_.end() && found->second.runs.contains(run_id) ? &found->second
                                                                          : nullptr;
  }

  Status CheckAgainstKnownLocked(const std::vector<const ObjectTree*>& nodes) const {
    for (const ObjectTree* node : nodes) {
      const auto known = entries_.find(node->id);
      if (known != entries_.end() && !HasSameChildren(*node, known->second.children)) {
        return OtherChildrenKnown(node->id);
      }
    }
    return absl::OkStatus();
  }

  void RegisterLocked(std::uint64_t run_id, const std::vector<const ObjectTree*>& nodes) {
    std::unordered_set<std::string>& of_run = objects_of_run_[run_id];
    for (const ObjectTree* node : nodes) {
      const auto [entry, is_new] = entries_.try_emplace(node->id);
      if (is_new) {
        entry->second.children = IdsOf(node->children);
        for (const std::string& child : entry->second.children) {
          ++entries_.at(child).references;
        }
      }
      if (entry->second.runs.insert(run_id).second) of_run.insert(node->id);
    }
  }

  /// The session in which `object_id` may be put; empty if there is none.
  std::string FindSessionLocked(std::uint64_t run_id, const std::string& session_id,
                                const std::string& object_id, const Entry& entry,
                                double now) const {
    const auto waits = [&](const std::string& id) {
      const auto session = sessions_.find(id);
      return session != sessions_.end() && session->second.run_id == run_id &&
             session->second.expires_at > now && session->second.pending.contains(object_id);
    };
    if (!session_id.empty()) return waits(session_id) ? session_id : std::string();
    const auto found = std::find_if(entry.sessions.begin(), entry.sessions.end(), waits);
    return found == entry.sessions.end() ? std::string() : *found;
  }

  /// Takes a root from the session that waits for it.
  void ReleaseRootLocked(const std::string& root) {
    const auto owner = session_of_root_.find(root);
    if (owner == session_of_root_.end()) return;
    const std::string id = owner->second;
    session_of_root_.erase(owner);
    Session& session = sessions_.at(id);
    std::erase(session.roots, root);
    if (session.roots.empty()) EndSessionLocked(id);
  }

  /// Removes a session. `session_id` by value: it may be the session's own.
  Session EndSessionLocked(std::string session_id) {
    const auto found = sessions_.find(session_id);
    Session session = std::move(found->second);
    sessions_.erase(found);
    expiries_.erase({session.expires_at, session_id});
    for (const std::string& root : session.roots) session_of_root_.erase(root);
    for (const std::string& id : session.pending) {
      const auto entry = entries_.find(id);
      if (entry != entries_.end()) std::erase(entry->second.sessions, session_id);
    }
    return session;
  }

  /// Takes an object that nothing names from a run, and deletes it if that was its last.
  void LeaveRunLocked(std::uint64_t run_id, const std::string& object_id,
                      std::vector<Entry>& garbage) {
    const auto found = entries_.find(object_id);
    if (found == entries_.end() || found->second.references > 0 ||
        !found->second.runs.contains(run_id)) {
      return;
    }
    if (found->second.runs.size() == 1) return DeleteLocked(object_id, garbage);
    found->second.runs.erase(run_id);
    objects_of_run_.at(run_id).erase(object_id);
  }

  /// Deletes an object that nothing names, and what then is named by nothing.
  void DeleteLocked(const std::string& object_id, std::vector<Entry>& garbage) {
    std::vector<std::string> unnamed = {object_id};
    while (!unnamed.empty()) {
      const std::string id = std::move(unnamed.back());
      unnamed.pop_back();
      const auto found = entries_.find(id);
      if (found == entries_.end() || found->second.references > 0) continue;
      for (const std::uint64_t run_id : found->second.runs) {
        const auto of_run = objects_of_run_.find(run_id);
        if (of_run == objects_of_run_.end()) continue;
        of_run->second.erase(id);
        if (of_run->second.empty()) objects_of_run_.erase(of_run);
      }
      for (const std::string& child : found->second.children) {
        if (--entries_.at(child).references == 0) unnamed.push_back(child);
      }
      garbage.push_back(std::move(found->second));
      entries_.erase(found);
    }
  }

  ObjectTree TreeLocked(const std::string& object_id) const {
    ObjectTree tree;
    tree.id = object_id;
    const std::vector<std::string>& children = entries_.at(object_id).children;
    tree.children.reserve(children.size());
    for (const std::string& child : children) tree.children.push_back(TreeLocked(child));
    return tree;
  }

  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::uint64_t, std::unordered_set<std::string>> objects_of_run_;
  std::unordered_map<std::string, Session> sessions_;
  std::unordered_map<std::string, std::string> session_of_root_;
  std::set<std::pair<double, std::string>> expiries_;
};

}  // namespace

std::unique_ptr<ObjectStore> MakeMemoryObjectStore() {
  return std::make_unique<MemoryObjectStore>();
}

}  // namespace flwrcpp::internal
