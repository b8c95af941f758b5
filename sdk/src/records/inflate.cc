// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "flwr/proto/message.pb.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/object.h"
#include "records/wire.h"

namespace flwrcpp::internal {
namespace {

using Json = nlohmann::ordered_json;  // the order of names is data

struct Loaded {
  ObjectHead head;
  Bytes body;
};

StatusOr<Json> ParseBody(const Bytes& body, Json::value_t expected) {
  Json json = Json::parse(body.view().begin(), body.view().end(), nullptr, false);
  if (json.type() != expected) {
    return InvalidArgument("object body is not the JSON value that was expected");
  }
  return json;
}

/// Builds values bottom-up; objects that occur several times are built once.
class Inflater {
 public:
  explicit Inflater(const ObjectSource& source) : source_(source) {}

  StatusOr<Loaded> Load(const std::string& id) {
    FLWRCPP_ASSIGN_OR_RETURN(Object object, source_(id));
    // Head and body may come from different buffers; the head alone says what is needed.
    std::string_view head_text = object.head.view();
    if (head_text.empty() || head_text.back() != '\0') {
      return InvalidArgument("object {} has no head", id);
    }
    FLWRCPP_ASSIGN_OR_RETURN(ObjectHead head, ParseHead(id, object));
    return Loaded{std::move(head), std::move(object.body)};
  }

  StatusOr<Loaded> Load(const std::string& id, ObjectType expected) {
    FLWRCPP_ASSIGN_OR_RETURN(Loaded loaded, Load(id));
    if (loaded.head.type != expected) {
      return InvalidArgument("object {} is of another type than its place in the tree", id);
    }
    return loaded;
  }

  StatusOr<Array> InflateArray(const std::string& id) {
    if (const auto found = arrays_.find(id); found != arrays_.end()) return found->second;
    FLWRCPP_ASSIGN_OR_RETURN(const Loaded loaded, Load(id, ObjectType::kArray));
    FLWRCPP_ASSIGN_OR_RETURN(const Json json, ParseBody(loaded.body, Json::value_t::object));
    const auto dtype = json.find("dtype");
    const auto shape = json.find("shape");
    const auto stype = json.find("stype");
    const auto positions = json.find("arraychunk_ids");
    if (dtype == json.end() || !dtype->is_string() || stype == json.end() || !stype->is_string() ||
        shape == json.end() || !shape->is_array() || positions == json.end() ||
        !positions->is_array()) {
      return InvalidArgument("Array object {} misses dtype, shape, stype or arraychunk_ids", id);
    }
    std::vector<std::int64_t> dimensions;
    for (const Json& dimension : *shape) {
      if (!dimension.is_number_integer()) {
        return InvalidArgument("Array object {} has a shape that is no list of integers", id);
      }
      dimensions.push_back(dimension.get<std::int64_t>());
    }
    std::vector<Bytes> chunks;
    for (const std::string& child : loaded.head.children) {
      FLWRCPP_ASSIGN_OR_RETURN(Loaded chunk, Load(child, ObjectType::kArrayChunk));
      chunks.push_back(std::move(chunk.body));
    }
    std::vector<Bytes> segments;
    std::vector<bool> used(chunks.size(), false);
    for (const Json& position : *positions) {
      if (!position.is_number_unsigned() || position.get<std::uint64_t>() >= chunks.size()) {
        return InvalidArgument("Array object {} refers to a chunk it does not have", id);
      }
      const auto index = position.get<std::size_t>();
      used[index] = true;
      segments.push_back(chunks[index]);
    }
    if (std::find(used.begin(), used.end(), false) != used.end()) {
      return InvalidArgument("Array object {} has a chunk that it does not use", id);
    }
    Array array(dtype->get<std::string>(), std::move(dimensions), stype->get<std::string>(),
                std::move(segments));
    arrays_.emplace(id, array);
    return array;
  }

  StatusOr<Record> InflateRecord(const std::string& id) {
    FLWRCPP_ASSIGN_OR_RETURN(const Loaded loaded, Load(id));
    switch (loaded.head.type) {
      case ObjectType::kArrayRecord: {
        ArrayRecord record;
        FLWRCPP_RETURN_IF_ERROR(ForEachChild(
            id, loaded, [&](const std::string& name, const std::string& child) -> Status {
              FLWRCPP_ASSIGN_OR_RETURN(Array array, InflateArray(child));
              record.Set(name, std::move(array));
              return absl::OkStatus();
            }));
        return record;
      }
      case ObjectType::kMetricRecord: {
        flwr::proto::MetricRecord proto;
        if (!Parse(loaded.body, proto)) return InvalidArgument("MetricRecord {} is damaged", id);
        FLWRCPP_ASSIGN_OR_RETURN(MetricRecord record, FromProto(proto));
        return record;
      }
      case ObjectType::kConfigRecord: {
        flwr::proto::ConfigRecord proto;
        if (!Parse(loaded.body, proto)) return InvalidArgument("ConfigRecord {} is damaged", id);
        FLWRCPP_ASSIGN_OR_RETURN(ConfigRecord record, FromProto(proto));
        return record;
      }
      default:
        return InvalidArgument("object {} stands where a record was expected", id);
    }
  }

  StatusOr<RecordDict> InflateRecordDict(const std::string& id) {
    FLWRCPP_ASSIGN_OR_RETURN(const Loaded loaded, Load(id, ObjectType::kRecordDict));
    RecordDict records;
    FLWRCPP_RETURN_IF_ERROR(ForEachChild(
        id, loaded, [&](const std::string& name, const std::string& child) -> Status {
          FLWRCPP_ASSIGN_OR_RETURN(Record record, InflateRecord(child));
          records.Set(name, std::move(record));
          return absl::OkStatus();
        }));
    return records;
  }

  template <typename Proto>
  static bool Parse(const Bytes& body, Proto& proto) {
    return body.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
           proto.ParseFromArray(body.data(), static_cast<int>(body.size()));
  }

 private:
  static StatusOr<ObjectHead> ParseHead(const std::string& id, const Object& object) {
    // The length in the head was checked against the body when the object came in; here only
    // type and children are read, so head and body need not be joined.
    const std::string_view text = object.head.view().substr(0, object.head.size() - 1);
    const std::size_t last = text.rfind(' ');
    if (last == std::string_view::npos) return InvalidArgument("object {} has no head", id);
    std::string bodiless(text.substr(0, last + 1));
    bodiless += '0';
    bodiless += '\0';
    return ParseObjectHead(bodiless);
  }

  /// Calls `visit(name, child id)` for each entry of a JSON body, whose ids must be exactly the
  /// children of the head.
  template <typename Visit>
  static Status ForEachChild(const std::string& id, const Loaded& loaded, const Visit& visit) {
    FLWRCPP_ASSIGN_OR_RETURN(const Json json, ParseBody(loaded.body, Json::value_t::object));
    const std::vector<std::string>& children = loaded.head.children;
    std::unordered_map<std::string_view, bool> used;
    for (const std::string& child : children) used.emplace(child, false);
    for (const auto& [name, child] : json.items()) {
      const std::string* child_id = child.template get_ptr<const std::string*>();
      const auto found = child_id == nullptr ? used.end() : used.find(*child_id);
      if (found == used.end()) {
        return InvalidArgument("object {}: '{}' does not refer to one of its children", id, name);
      }
      found->second = true;
      FLWRCPP_RETURN_IF_ERROR(visit(name, *child_id));
    }
    for (const auto& [child, is_used] : used) {
      if (!is_used) return InvalidArgument("object {} has a child that its body lacks", id);
    }
    return absl::OkStatus();
  }

  const ObjectSource& source_;
  std::unordered_map<std::string, Array> arrays_;
};

}  // namespace

StatusOr<Message> Inflate(const std::string& root_id, const ObjectSource& source) {
  Inflater inflater(source);
  FLWRCPP_ASSIGN_OR_RETURN(const Loaded root, inflater.Load(root_id, ObjectType::kMessage));
  flwr::proto::Message proto;
  if (!Inflater::Parse(root.body, proto)) {
    return InvalidArgument("Message object {} is damaged", root_id);
  }
  Metadata metadata = FromProto(proto.metadata());
  metadata.message_id = root_id;
  if (root.head.children.empty()) {
    if (!proto.has_error()) {
      return InvalidArgument("message {} has neither content nor error", root_id);
    }
    return Message(std::move(metadata), Error{proto.error().code(), proto.error().reason()});
  }
  if (root.head.children.size() != 1 || proto.has_error()) {
    return InvalidArgument("message {} must have either one content or an error", root_id);
  }
  FLWRCPP_ASSIGN_OR_RETURN(RecordDict content,
                           inflater.InflateRecordDict(root.head.children.front()));
  return Message(std::move(metadata), std::move(content));
}

}  // namespace flwrcpp::internal
