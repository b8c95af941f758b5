// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/bytes.h"
#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Flower's inflatable objects (docs/wire-format.md): a message taken apart into a tree of
/// content-addressed byte strings `type SP child-ids SP body-length NUL body`.
enum class ObjectType {
  kArrayChunk,
  kArray,
  kArrayRecord,
  kMetricRecord,
  kConfigRecord,
  kRecordDict,
  kMessage,
};

/// Longest piece of an Array's data that becomes one chunk object.
inline constexpr std::size_t kArrayChunkSize = 5 * 1024 * 1024;

/// Deepest object tree: Message, RecordDict, record, Array, ArrayChunk.
inline constexpr int kMaxTreeDepth = 5;

/// One object's bytes: head (up to and including the NUL) and body, possibly in different buffers.
struct Object {
  std::string id;  ///< SHA-256 of head and body: 64 lower-case hex digits.
  Bytes head;
  Bytes body;

  std::size_t size() const { return head.size() + body.size(); }
};

/// What an object's head says.
struct ObjectHead {
  ObjectType type = ObjectType::kArrayChunk;
  std::vector<std::string> children;  ///< Ids in the order of the head.
  std::size_t size = 0;               ///< Bytes of the head, the NUL included.
};

/// Ids of a message's objects, children below the objects that name them.
struct ObjectTree {
  std::string id;
  std::vector<ObjectTree> children;
};

/// Builds an object and computes its id.
Object MakeObject(ObjectType type, const std::vector<std::string>& children, Bytes body);
/// Builds an ArrayChunk of each body; their ids are computed side by side, on all cores, which is
/// faster.
std::vector<Object> MakeChunks(std::vector<Bytes> bodies);

/// Reads and checks an object as Flower's store does, all but its hash.
/// @return `kInvalidArgument` saying which rule is broken.
StatusOr<ObjectHead> ParseObjectHead(std::string_view content);

/// Splits `content` into an Object after checking form and hash.
/// @return `kInvalidArgument`; `id` is what the sender claims.
StatusOr<Object> CheckObject(const std::string& id, Bytes content);

/// An object as it came; `id` is what the sender claims.
struct ReceivedObject {
  std::string id;
  Bytes content;
};
/// `CheckObject()` for each; their hashes are computed side by side, which is faster.
std::vector<StatusOr<Object>> CheckObjects(std::span<const ReceivedObject> received);

/// A record dict taken apart once, to be shared by the messages that carry it.
struct DeflatedContent {
  ObjectTree tree;
  std::vector<Object> objects;  ///< Each object once, children first.
};
DeflatedContent Deflate(const RecordDict& content);

/// A message taken apart. `message.metadata().message_id` is not part of its bytes.
struct DeflatedMessage {
  Object root;                                     ///< Its id is the message id.
  ObjectTree tree;                                 ///< The whole tree, the root included.
  std::shared_ptr<const DeflatedContent> content;  ///< Null for a message without content.
};
/// @param content what `Deflate(message.content())` gave; null for an error message.
DeflatedMessage Deflate(const Message& message, std::shared_ptr<const DeflatedContent> content);
DeflatedMessage Deflate(const Message& message);

/// Ids of a tree, children before parents, each once.
std::vector<std::string> PostOrder(const ObjectTree& tree);

/// Gives the object with an id, or an error.
using ObjectSource = std::function<StatusOr<Object>(const std::string& id)>;

/// Puts a message together from its objects; its message id becomes `root_id`. Arrays are views
/// into the objects' buffers.
/// @return `kInvalidArgument` naming the object that does not fit, or the source's error.
StatusOr<Message> Inflate(const std::string& root_id, const ObjectSource& source);

}  // namespace flwrcpp::internal
