// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "flwr/proto/message.pb.h"
#include "records/json.h"
#include "records/object.h"
#include "records/wire.h"

namespace flwrcpp::internal {
namespace {

/// Collects objects and keeps each id once.
class Collector {
 public:
  /// @param chunks those of all arrays, in the order in which they will be asked for.
  explicit Collector(std::vector<Object> chunks) : chunks_(std::move(chunks)) {}

  ObjectTree AddNextChunk() {
    Object& chunk = chunks_[next_chunk_++];
    ObjectTree tree{chunk.id, {}};
    Keep(std::move(chunk));
    return tree;
  }

  /// Adds an object with the trees of its children, which are de-duplicated in first-seen order.
  ObjectTree Add(ObjectType type, std::vector<ObjectTree> children, Bytes body) {
    std::vector<std::string> ids;
    ids.reserve(children.size());
    for (const ObjectTree& child : children) ids.push_back(child.id);
    Object object = MakeObject(type, ids, std::move(body));
    ObjectTree tree{object.id, std::move(children)};
    Keep(std::move(object));
    return tree;
  }

  std::vector<Object> TakeObjects() { return std::move(objects_); }

 private:
  void Keep(Object object) {
    if (seen_.insert(object.id).second) objects_.push_back(std::move(object));
  }

  std::vector<Object> chunks_;
  std::size_t next_chunk_ = 0;
  std::unordered_set<std::string> seen_;
  std::vector<Object> objects_;
};

/// Children of one object: each tree once, found again by its id.
class Children {
 public:
  /// The position of `tree` among the distinct children.
  std::size_t Add(ObjectTree tree) {
    const auto [found, added] = positions_.emplace(tree.id, trees_.size());
    if (added) trees_.push_back(std::move(tree));
    return found->second;
  }
  std::vector<ObjectTree> Take() { return std::move(trees_); }

 private:
  std::unordered_map<std::string, std::size_t> positions_;
  std::vector<ObjectTree> trees_;
};

/// The next `size` bytes of an array's data from `offset`: a slice where one segment holds them,
/// joined otherwise.
Bytes DataPiece(const Array& array, std::size_t offset, std::size_t size) {
  std::size_t begin = 0;
  for (const Bytes& segment : array.segments()) {
    if (offset >= begin && offset + size <= begin + segment.size()) {
      return segment.Slice(offset - begin, size);
    }
    begin += segment.size();
  }
  std::string joined(size, '\0');
  array.CopyData(offset, std::as_writable_bytes(std::span(joined)));
  return Bytes(std::move(joined));
}

std::size_t ChunkCount(const Array& array) {
  return (array.data_size() + kArrayChunkSize - 1) / kArrayChunkSize;
}

/// The chunks of all arrays in their order. They are most of what has to be hashed.
std::vector<Object> ChunksOf(const RecordDict& content) {
  std::vector<Bytes> pieces;
  for (const auto& [name, record] : content) {
    const auto* const arrays = std::get_if<ArrayRecord>(&record);
    if (arrays == nullptr) continue;
    for (const auto& [key, array] : *arrays) {
      for (std::size_t i = 0; i < ChunkCount(array); ++i) {
        const std::size_t offset = i * kArrayChunkSize;
        pieces.push_back(
            DataPiece(array, offset, std::min(kArrayChunkSize, array.data_size() - offset)));
      }
    }
  }
  return MakeChunks(std::move(pieces));
}

ObjectTree DeflateArray(const Array& array, Collector& collector) {
  Children chunks;
  std::string positions;
  for (std::size_t i = 0; i < ChunkCount(array); ++i) {
    const std::size_t position = chunks.Add(collector.AddNextChunk());
    if (!positions.empty()) positions += ", ";
    positions += std::to_string(position);
  }
  std::string body = "{\"dtype\": ";
  AppendJsonString(array.dtype(), body);
  body += ", \"shape\": [";
  for (std::size_t i = 0; i < array.shape().size(); ++i) {
    if (i != 0) body += ", ";
    body += std::to_string(array.shape()[i]);
  }
  body += "], \"stype\": ";
  AppendJsonString(array.stype(), body);
  body += ", \"arraychunk_ids\": [" + positions + "]}";
  return collector.Add(ObjectType::kArray, chunks.Take(), Bytes(std::move(body)));
}

/// An object whose body is a JSON object from names to the ids of its children.
template <typename Map, typename DeflateValue>
ObjectTree DeflateNamed(ObjectType type, const Map& map, Collector& collector,
                        const DeflateValue& deflate_value) {
  Children children;
  std::string body = "{";
  for (const auto& [name, value] : map) {
    ObjectTree tree = deflate_value(value);
    if (body.size() > 1) body += ", ";
    AppendJsonString(name, body);
    body += ": \"" + tree.id + '"';
    children.Add(std::move(tree));
  }
  body += '}';
  return collector.Add(type, children.Take(), Bytes(std::move(body)));
}

struct RecordDeflater {
  Collector& collector;

  ObjectTree operator()(const ArrayRecord& record) const {
    return DeflateNamed(ObjectType::kArrayRecord, record, collector,
                        [this](const Array& array) { return DeflateArray(array, collector); });
  }
  ObjectTree operator()(const MetricRecord& record) const {
    flwr::proto::MetricRecord proto;
    ToProto(record, proto);
    return collector.Add(ObjectType::kMetricRecord, {}, Bytes(proto.SerializeAsString()));
  }
  ObjectTree operator()(const ConfigRecord& record) const {
    flwr::proto::ConfigRecord proto;
    ToProto(record, proto);
    return collector.Add(ObjectType::kConfigRecord, {}, Bytes(proto.SerializeAsString()));
  }
};

}  // namespace

DeflatedContent Deflate(const RecordDict& content) {
  Collector collector(ChunksOf(content));
  DeflatedContent deflated;
  deflated.tree = DeflateNamed(
      ObjectType::kRecordDict, content, collector,
      [&](const Record& record) { return std::visit(RecordDeflater{collector}, record); });
  deflated.objects = collector.TakeObjects();
  return deflated;
}

DeflatedMessage Deflate(const Message& message, std::shared_ptr<const DeflatedContent> content) {
  flwr::proto::Message proto;
  ToProto(message.metadata(), *proto.mutable_metadata());
  proto.mutable_metadata()->clear_message_id();  // the id is the hash of these bytes
  if (message.has_error()) {
    proto.mutable_error()->set_code(message.error().code);
    proto.mutable_error()->set_reason(message.error().reason);
  }
  std::vector<std::string> children;
  DeflatedMessage deflated;
  if (content != nullptr) {
    children.push_back(content->tree.id);
    deflated.tree.children.push_back(content->tree);
  }
  deflated.root = MakeObject(ObjectType::kMessage, children, Bytes(proto.SerializeAsString()));
  deflated.tree.id = deflated.root.id;
  deflated.content = std::move(content);
  return deflated;
}

DeflatedMessage Deflate(const Message& message) {
  std::shared_ptr<const DeflatedContent> content;
  if (message.has_content()) {
    content = std::make_shared<const DeflatedContent>(Deflate(message.content()));
  }
  return Deflate(message, std::move(content));
}

}  // namespace flwrcpp::internal
