// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/tree_rules.h"

#include <algorithm>
#include <unordered_map>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

std::vector<std::string_view> Views(const std::vector<std::string>& ids) {
  return {ids.begin(), ids.end()};
}

std::vector<std::string_view> ChildIds(const ObjectTree& node) {
  std::vector<std::string_view> ids;
  ids.reserve(node.children.size());
  for (const ObjectTree& child : node.children) ids.emplace_back(child.id);
  return ids;
}

bool IsSameSet(std::vector<std::string_view> a, std::vector<std::string_view> b) {
  if (a == b) return true;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

/// The children that the head of a checked object names: `type SP ids SP body-length NUL`.
std::vector<std::string_view> HeadChildren(const Object& object) {
  const std::string_view head = object.head.view();
  const std::size_t begin = std::min(head.find(' '), head.size() - 1) + 1;
  std::string_view list = head.substr(begin, head.find(' ', begin) - begin);
  std::vector<std::string_view> ids;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    ids.push_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return ids;
}

class Flattener {
 public:
  Status Visit(const ObjectTree& node, int depth) {
    if (depth > kMaxTreeDepth) {
      return InvalidArgument("object tree: more than {} levels", kMaxTreeDepth);
    }
    if (++count_ > kMaxTreeNodes) {
      return InvalidArgument("object trees: more than {} nodes", kMaxTreeNodes);
    }
    if (!IsObjectId(node.id)) {
      return InvalidArgument("object tree: expected ids of 64 hex digits, got one of {} bytes",
                             node.id.size());
    }
    for (const ObjectTree& child : node.children) {
      FLWRCPP_RETURN_IF_ERROR(Visit(child, depth + 1));
    }
    const auto [seen, is_new] = by_id_.emplace(node.id, &node);
    if (!is_new) {
      // Each place of an object must spell out what is below it, or counts would differ from what
      // the trees say.
      if (IsSameSet(ChildIds(node), ChildIds(*seen->second))) return absl::OkStatus();
      return OtherChildrenKnown(node.id);
    }
    std::vector<std::string_view> children = ChildIds(node);
    std::sort(children.begin(), children.end());
    if (std::adjacent_find(children.begin(), children.end()) != children.end()) {
      return InvalidArgument("object tree: {} names a child twice", node.id);
    }
    nodes_.push_back(&node);
    return absl::OkStatus();
  }

  std::vector<const ObjectTree*> TakeNodes() { return std::move(nodes_); }

 private:
  std::size_t count_ = 0;
  std::unordered_map<std::string_view, const ObjectTree*> by_id_;
  std::vector<const ObjectTree*> nodes_;
};

}  // namespace

StatusOr<std::vector<const ObjectTree*>> FlattenTrees(std::span<const ObjectTree> trees) {
  Flattener flattener;
  for (const ObjectTree& tree : trees) FLWRCPP_RETURN_IF_ERROR(flattener.Visit(tree, 1));
  return flattener.TakeNodes();
}

bool HasSameChildren(const ObjectTree& node, const std::vector<std::string>& known) {
  return IsSameSet(ChildIds(node), Views(known));
}

bool HeadNamesChildren(const Object& object, const std::vector<std::string>& known) {
  return IsSameSet(HeadChildren(object), Views(known));
}

StatusOr<ObjectsById> MatchObjects(const ObjectTree& tree,
                                   const std::vector<const ObjectTree*>& nodes,
                                   std::span<const Object> objects) {
  std::unordered_map<std::string_view, const ObjectTree*> by_id;
  for (const ObjectTree* node : nodes) by_id.emplace(node->id, node);
  ObjectsById given;
  for (const Object& object : objects) {
    const auto node = by_id.find(object.id);
    if (node == by_id.end()) {
      return InvalidArgument("object {} is not in the tree of {}", object.id, tree.id);
    }
    if (!IsSameSet(HeadChildren(object), ChildIds(*node->second))) {
      return InvalidArgument("object {}: its head names other children than its tree", object.id);
    }
    given.emplace(object.id, &object);
  }
  return given;
}

Status ObjectMissing(const std::string& object_id, const std::string& root) {
  return InvalidArgument("object {} of the tree of {} is missing", object_id, root);
}

Status OtherChildrenKnown(const std::string& object_id) {
  return InvalidArgument("object tree: {} is known with other children", object_id);
}

}  // namespace flwrcpp::internal
