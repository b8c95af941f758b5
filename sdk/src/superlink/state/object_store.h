// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flwrcpp/status.h"
#include "records/object.h"

namespace flwrcpp::internal {

/// How long a push session lives after its last stored object, in seconds.
inline constexpr double kPushSessionLifetime = 180;

/// Most places in the trees of one push, shared objects counted each time.
inline constexpr std::size_t kMaxTreeNodes = std::size_t{1} << 20;

/// An upload that has been opened.
struct PushSession {
  std::string session_id;
  /// Ids to be put, children first, each once. Empty: all objects are there, and there is no
  /// session to keep (the id is still set, peers expect one).
  std::vector<std::string> missing;
};

struct PutResult {
  /// False if no live session of the run waits for this object, or its head names other children
  /// than its tree.
  bool stored = false;
  /// The roots of the session if this was its last object: their trees are complete.
  std::vector<std::string> completed_roots;
};

enum class ObjectState {
  kNotFound,     ///< Not of this run; will not come.
  kUnavailable,  ///< Registered, not put yet.
  kAvailable,
};

struct StoredObject {
  ObjectState state = ObjectState::kNotFound;
  Object object;  ///< Set if available.
};

/// Content-addressed objects of messages, counted by the objects that name them, and the sessions
/// in which they are brought.
///
/// An object belongs to the runs in whose trees it was registered; other runs do not see it. It
/// goes when no object names it any more: `Confirm` of a message takes its whole tree but what
/// other messages share.
///
/// Every method is atomic and safe to call from any thread. `now` is the time in Unix seconds.
/// Besides the codes listed, each method of a store on disk can fail with `kUnavailable` or
/// `kDataLoss`, as in LinkState; nothing has changed then.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Registers trees and opens a session for what is missing of them.
  ///
  /// A root that an open session waits for moves to the new one; a session without roots ends.
  /// @return `kInvalidArgument` if a tree has a malformed id, too many nodes or levels, a node that
  ///   names a child twice, or other children than are known of that object; nothing is registered
  ///   then.
  virtual StatusOr<PushSession> OpenPush(std::uint64_t run_id, std::span<const ObjectTree> trees,
                                         double now) = 0;

  /// Stores an object for which a session waits, and renews the session. `object` must have been
  /// checked against its id (`CheckObject`).
  /// @param session_id may be empty, as older peers send it: any session of the run that waits
  ///   for the object.
  virtual StatusOr<PutResult> Put(std::uint64_t run_id, const std::string& session_id,
                                  const Object& object, double now) = 0;

  /// Registers a tree and stores its objects in one step, for who has them all. Objects that are
  /// available already may be left out of `objects`.
  /// @return `kInvalidArgument` as for `OpenPush`, and if an object is missing or not in the tree.
  virtual Status StoreTree(std::uint64_t run_id, const ObjectTree& tree,
                           std::span<const Object> objects) = 0;

  virtual StatusOr<StoredObject> Get(std::uint64_t run_id, const std::string& object_id) = 0;

  /// The tree below an object, children in the order in which they were registered.
  /// @return `kNotFound` if it is not of this run.
  virtual StatusOr<ObjectTree> GetTree(std::uint64_t run_id, const std::string& object_id) = 0;

  /// Deletes an object that nothing names, a message as a rule, and what then is named by nothing.
  /// Does nothing if it is not of this run or another object names it.
  virtual Status Confirm(std::uint64_t run_id, const std::string& object_id) = 0;

  /// Ends sessions whose time is up and deletes the trees they were for.
  /// @return their roots, whose messages are to be deleted too. Cheap when there are none: to be
  ///   called before objects are put or read, and now and then.
  virtual StatusOr<std::vector<std::string>> ExpireSessions(double now) = 0;

  /// Ends the sessions of a run and deletes its objects but those of other runs.
  virtual Status ClearRun(std::uint64_t run_id) = 0;
};

/// Store that lives in this process; it keeps the buffers it is given.
std::unique_ptr<ObjectStore> MakeMemoryObjectStore();

}  // namespace flwrcpp::internal
