// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "flwr/proto/message.pb.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/object.h"
#include "records/wire.h"

namespace flwrcpp::internal {
namespace {

using Json = nlohmann::json;

/// An object may be named many times, and each name gets a value of its own: a few kilobytes could
/// ask for gigabytes. Bodies that are turned into values once more may have this many bytes in all;
/// chunks do not count, for arrays share them.
constexpr std::size_t kMaxRepeatedBytes = std::size_t{64} << 20;

constexpr std::uint64_t kMaxDimension = std::numeric_limits<std::int64_t>::max();

struct Loaded {
  ObjectHead head;
  Bytes body;
};

/// Reads `{"name": "id", …}`. From events, because the order of the names is data, and
/// nlohmann::ordered_json looks through all names it has for each new one.
class NamedIdsReader final : public nlohmann::json_sax<Json> {
 public:
  static StatusOr<OrderedMap<std::string>> Read(const Bytes& body) {
    NamedIdsReader reader;
    if (!Json::sax_parse(body.view().begin(), body.view().end(), &reader)) {
      return InvalidArgument("object body is not a JSON object of names and ids");
    }
    return std::move(reader.ids_);
  }

  bool start_object(std::size_t /*size*/) override { return !std::exchange(inside_, true); }
  bool key(std::string& name) override {
    name_ = std::move(name);
    return true;
  }
  bool string(std::string& id) override {
    if (inside_) ids_.Set(std::move(name_), std::move(id));
    return inside_;
  }
  bool end_object() override { return true; }

  bool null() override { return false; }
  bool boolean(bool /*value*/) override { return false; }
  bool number_integer(std::int64_t /*value*/) override { return false; }
  bool number_unsigned(std::uint64_t /*value*/) override { return false; }
  bool number_float(double /*value*/, const std::string& /*text*/) override { return false; }
  bool binary(Json::binary_t& /*value*/) override { return false; }
  bool start_array(std::size_t /*size*/) override { return false; }
  bool end_array() override { return false; }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const Json::exception& /*error*/) override {
    return false;
  }

 private:
  bool inside_ = false;
  std::string name_;
  OrderedMap<std::string> ids_;
};

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
    if (head.type != ObjectType::kArrayChunk && !loaded_.insert(id).second) {
      FLWRCPP_RETURN_IF_ERROR(CountRepetition(id, object.body.size()));
    }
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
    if (const auto found = arrays_.find(id); found != arrays_.end()) {
      FLWRCPP_RETURN_IF_ERROR(CountRepetition(id, found->second.body_size));
      return found->second.array;
    }
    FLWRCPP_ASSIGN_OR_RETURN(const Loaded loaded, Load(id, ObjectType::kArray));
    const Json json =
        Json::parse(loaded.body.view().begin(), loaded.body.view().end(), nullptr, false);
    if (!json.is_object()) return InvalidArgument("Array object {} has no JSON object", id);
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
      if (!dimension.is_number_integer() ||
          (dimension.is_number_unsigned() && dimension.get<std::uint64_t>() > kMaxDimension)) {
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
    arrays_.emplace(id, KnownArray{array, loaded.body.size()});
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
    FLWRCPP_RETURN_IF_ERROR(
        ForEachChild(id, loaded, [&](const std::string& name, const std::string& child) -> Status {
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
  struct KnownArray {
    Array array;
    std::size_t body_size = 0;
  };

  Status CountRepetition(const std::string& id, std::size_t body_size) {
    repeated_bytes_ += body_size;
    if (repeated_bytes_ <= kMaxRepeatedBytes) return absl::OkStatus();
    return InvalidArgument("object {} and others repeat themselves beyond {} bytes", id,
                           kMaxRepeatedBytes);
  }

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
    FLWRCPP_ASSIGN_OR_RETURN(const OrderedMap<std::string> ids, NamedIdsReader::Read(loaded.body));
    const std::vector<std::string>& children = loaded.head.children;
    std::unordered_map<std::string_view, bool> used;
    for (const std::string& child : children) used.emplace(child, false);
    for (const auto& [name, child] : ids) {
      const auto found = used.find(child);
      if (found == used.end()) {
        return InvalidArgument("object {}: '{}' does not refer to one of its children", id,
                               std::string_view(name).substr(0, 80));
      }
      found->second = true;
      FLWRCPP_RETURN_IF_ERROR(visit(name, child));
    }
    for (const auto& [child, is_used] : used) {
      if (!is_used) return InvalidArgument("object {} has a child that its body lacks", id);
    }
    return absl::OkStatus();
  }

  const ObjectSource& source_;
  std::unordered_map<std::string, KnownArray> arrays_;
  std::unordered_set<std::string> loaded_;
  std::size_t repeated_bytes_ = 0;
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
