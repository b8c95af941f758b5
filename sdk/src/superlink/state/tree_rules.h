// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flwrcpp/status.h"
#include "superlink/state/object_store.h"

namespace flwrcpp::internal {

/// The rules of the object store that need no state, for all its implementations.

/// Checks trees as `ObjectStore::OpenPush` says and lists their nodes children first, each id once.
/// The pointers are into `trees`.
/// @return `kInvalidArgument`.
StatusOr<std::vector<const ObjectTree*>> FlattenTrees(std::span<const ObjectTree> trees);

/// Whether `node` names the same children as `known`, in any order.
bool HasSameChildren(const ObjectTree& node, const std::vector<std::string>& known);

/// Whether the head of a checked object names the same children as `known`, in any order.
bool HeadNamesChildren(const Object& object, const std::vector<std::string>& known);

/// The objects given for a tree by their ids. The pointers and views are into `objects`.
/// @return `kInvalidArgument` for an object that is not in the tree or whose head differs from it.
using ObjectsById = std::unordered_map<std::string_view, const Object*>;
StatusOr<ObjectsById> MatchObjects(const ObjectTree& tree,
                                   const std::vector<const ObjectTree*>& nodes,
                                   std::span<const Object> objects);

Status OtherChildrenKnown(const std::string& object_id);
Status ObjectMissing(const std::string& object_id, const std::string& root);

}  // namespace flwrcpp::internal
