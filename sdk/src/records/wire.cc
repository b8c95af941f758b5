// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

template <typename List, typename Container>
void AddAll(const Container& values, List& list) {
  list.mutable_vals()->Reserve(static_cast<int>(values.size()));
  for (const auto& value : values) list.add_vals(value);
}

/// Writes the alternatives that metric and config values share.
template <typename Proto>
struct NumberWriter {
  Proto& proto;
  void operator()(std::int64_t value) const { proto.set_sint64(value); }
  void operator()(std::uint64_t value) const {
    // Python has one integer type: only what does not fit a signed one travels unsigned.
    if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      proto.set_sint64(static_cast<std::int64_t>(value));
    } else {
      proto.set_uint64(value);
    }
  }
  void operator()(double value) const { proto.set_double_(value); }
  void operator()(const std::vector<std::int64_t>& values) const {
    AddAll(values, *proto.mutable_sint_list());
  }
  void operator()(const std::vector<std::uint64_t>& values) const {
    AddAll(values, *proto.mutable_uint_list());
  }
  void operator()(const std::vector<double>& values) const {
    AddAll(values, *proto.mutable_double_list());
  }
};

struct ConfigWriter : NumberWriter<flwr::proto::ConfigRecordValue> {
  using NumberWriter::operator();
  void operator()(bool value) const { proto.set_bool_(value); }
  void operator()(const std::string& value) const { proto.set_string(value); }
  void operator()(const ByteString& value) const { proto.set_bytes(value.value); }
  void operator()(const std::vector<bool>& values) const {
    auto& list = *proto.mutable_bool_list();
    for (const bool value : values) list.add_vals(value);
  }
  void operator()(const std::vector<std::string>& values) const {
    AddAll(values, *proto.mutable_string_list());
  }
  void operator()(const std::vector<ByteString>& values) const {
    auto& list = *proto.mutable_bytes_list();
    for (const ByteString& value : values) list.add_vals(value.value);
  }
};

template <typename T, typename List>
std::vector<T> ToVector(const List& list) {
  return {list.vals().begin(), list.vals().end()};
}

/// Reads the alternatives that metric and config values share; false for others.
template <typename Proto, typename Value>
bool ReadNumber(const Proto& proto, Value& value) {
  switch (proto.value_case()) {
    case Proto::kDouble:
      value = proto.double_();
      return true;
    case Proto::kSint64:
      value = static_cast<std::int64_t>(proto.sint64());
      return true;
    case Proto::kUint64:
      value = static_cast<std::uint64_t>(proto.uint64());
      return true;
    case Proto::kDoubleList:
      value = ToVector<double>(proto.double_list());
      return true;
    case Proto::kSintList:
      value = ToVector<std::int64_t>(proto.sint_list());
      return true;
    case Proto::kUintList:
      value = ToVector<std::uint64_t>(proto.uint_list());
      return true;
    default:
      return false;
  }
}

bool ReadConfig(const flwr::proto::ConfigRecordValue& proto, ConfigValue& value) {
  using Proto = flwr::proto::ConfigRecordValue;
  switch (proto.value_case()) {
    case Proto::kBool:
      value = proto.bool_();
      return true;
    case Proto::kString:
      value = proto.string();
      return true;
    case Proto::kBytes:
      value = ByteString{proto.bytes()};
      return true;
    case Proto::kBoolList:
      value = ToVector<bool>(proto.bool_list());
      return true;
    case Proto::kStringList:
      value = ToVector<std::string>(proto.string_list());
      return true;
    case Proto::kBytesList: {
      std::vector<ByteString> list;
      for (const std::string& bytes : proto.bytes_list().vals()) list.push_back({bytes});
      value = std::move(list);
      return true;
    }
    default:
      return ReadNumber(proto, value);
  }
}

Status TreeFromProto(const flwr::proto::ObjectTree& proto, int depth, std::size_t& nodes_left,
                     ObjectTree& tree) {
  if (depth > kMaxTreeDepth) {
    return InvalidArgument("object tree is deeper than {} levels", kMaxTreeDepth);
  }
  if (nodes_left-- == 0) return InvalidArgument("object tree has too many nodes");
  if (!IsObjectId(proto.object_id())) {
    return InvalidArgument("object tree has an id that is not 64 hex digits");
  }
  tree.id = proto.object_id();
  tree.children.resize(static_cast<std::size_t>(proto.children_size()));
  for (int i = 0; i < proto.children_size(); ++i) {
    FLWRCPP_RETURN_IF_ERROR(TreeFromProto(proto.children(i), depth + 1, nodes_left,
                                          tree.children[static_cast<std::size_t>(i)]));
  }
  return absl::OkStatus();
}

/// Reads a length-delimited field as a slice of `body`.
bool ReadSlice(CodedInputStream& in, const Bytes& body, Bytes& slice) {
  std::uint32_t size = 0;
  if (!in.ReadVarint32(&size)) return false;
  const int begin = in.CurrentPosition();
  if (size > static_cast<std::uint32_t>(std::numeric_limits<int>::max()) ||
      !in.Skip(static_cast<int>(size))) {
    return false;
  }
  slice = body.Slice(static_cast<std::size_t>(begin), size);
  return true;
}

bool ReadText(CodedInputStream& in, const Bytes& body, std::string& text) {
  Bytes slice;
  if (!ReadSlice(in, body, slice)) return false;
  text = slice.view();
  return true;
}

/// Reads a Node; one that comes again is merged, as protobuf does.
bool ReadNode(CodedInputStream& in, const Bytes& body, flwr::proto::Node& node) {
  Bytes slice;
  if (!ReadSlice(in, body, slice)) return false;
  CodedInputStream part(reinterpret_cast<const std::uint8_t*>(slice.data()),
                        static_cast<int>(slice.size()));
  return node.MergeFromCodedStream(&part) && part.ConsumedEntireMessage();
}

/// Calls `read(tag, stream)` for each field of a message; it returns false for damage, and skips
/// unknown fields by `WireFormatLite::SkipField`.
template <typename Read>
bool ForEachField(const Bytes& body, const Read& read) {
  if (body.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(body.data()),
                      static_cast<int>(body.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    if (!read(tag, in)) return false;
  }
  return in.ConsumedEntireMessage();
}

constexpr std::uint32_t Tag(int field, WireFormatLite::WireType type) {
  return static_cast<std::uint32_t>(field) << 3 | static_cast<std::uint32_t>(type);
}
constexpr std::uint32_t VarintTag(int field) { return Tag(field, WireFormatLite::WIRETYPE_VARINT); }
constexpr std::uint32_t BytesTag(int field) {
  return Tag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

bool ReadBool(CodedInputStream& in, bool& value) {
  std::uint64_t number = 0;
  if (!in.ReadVarint64(&number)) return false;
  value = number != 0;
  return true;
}

void AppendVarint(std::uint64_t value, std::string& out) {
  std::uint8_t buffer[10];
  const std::uint8_t* end = CodedOutputStream::WriteVarint64ToArray(value, buffer);
  out.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(end - buffer));
}

void ToProto(const ArrayRecord& record, flwr::proto::ArrayRecord& proto) {
  for (const auto& [name, array] : record) {
    auto& item = *proto.add_items();
    item.set_key(name);
    flwr::proto::Array& value = *item.mutable_value();
    value.set_dtype(array.dtype());
    for (const std::int64_t size : array.shape()) {
      value.add_shape(static_cast<std::int32_t>(size));
    }
    value.set_stype(array.stype());
    for (const Bytes& segment : array.segments()) value.mutable_data()->append(segment.view());
  }
}

ArrayRecord FromProto(const flwr::proto::ArrayRecord& proto) {
  ArrayRecord record;
  for (const auto& item : proto.items()) {
    const flwr::proto::Array& value = item.value();
    record.Set(item.key(), Array(value.dtype(), {value.shape().begin(), value.shape().end()},
                                 value.stype(), {Bytes(value.data())}));
  }
  return record;
}

}  // namespace

void ToProto(const Metadata& metadata, flwr::proto::Metadata& proto) {
  proto.set_run_id(metadata.run_id);
  proto.set_message_id(metadata.message_id);
  proto.set_src_node_id(metadata.src_node_id);
  proto.set_dst_node_id(metadata.dst_node_id);
  proto.set_reply_to_message_id(metadata.reply_to_message_id);
  proto.set_group_id(metadata.group_id);
  proto.set_ttl(metadata.ttl);
  proto.set_message_type(metadata.message_type);
  proto.set_created_at(metadata.created_at);
  if (metadata.src_task_id) proto.set_src_task_id(*metadata.src_task_id);
  if (metadata.dst_task_id) proto.set_dst_task_id(*metadata.dst_task_id);
}

Metadata FromProto(const flwr::proto::Metadata& proto) {
  Metadata metadata;
  metadata.run_id = proto.run_id();
  metadata.message_id = proto.message_id();
  metadata.src_node_id = proto.src_node_id();
  metadata.dst_node_id = proto.dst_node_id();
  metadata.reply_to_message_id = proto.reply_to_message_id();
  metadata.group_id = proto.group_id();
  metadata.ttl = proto.ttl();
  metadata.message_type = proto.message_type();
  metadata.created_at = proto.created_at();
  if (proto.has_src_task_id()) metadata.src_task_id = proto.src_task_id();
  if (proto.has_dst_task_id()) metadata.dst_task_id = proto.dst_task_id();
  return metadata;
}

void ToProto(const MetricRecord& record, flwr::proto::MetricRecord& proto) {
  for (const auto& [key, value] : record) {
    auto& item = *proto.add_items();
    item.set_key(key);
    std::visit(NumberWriter<flwr::proto::MetricRecordValue>{*item.mutable_value()}, value);
  }
}

StatusOr<MetricRecord> FromProto(const flwr::proto::MetricRecord& proto) {
  MetricRecord record;
  for (const auto& item : proto.items()) {
    MetricValue value;
    if (!ReadNumber(item.value(), value)) {
      return InvalidArgument("MetricRecord: '{}' has no value", item.key());
    }
    record.Set(item.key(), std::move(value));
  }
  return record;
}

void ToProto(const ConfigRecord& record, flwr::proto::ConfigRecord& proto) {
  for (const auto& [key, value] : record) {
    auto& item = *proto.add_items();
    item.set_key(key);
    std::visit(ConfigWriter{{*item.mutable_value()}}, value);
  }
}

StatusOr<ConfigRecord> FromProto(const flwr::proto::ConfigRecord& proto) {
  ConfigRecord record;
  for (const auto& item : proto.items()) {
    ConfigValue value;
    if (!ReadConfig(item.value(), value)) {
      return InvalidArgument("ConfigRecord: '{}' has no value", item.key());
    }
    record.Set(item.key(), std::move(value));
  }
  return record;
}

void ToProto(const RecordDict& records, flwr::proto::RecordDict& proto) {
  proto.clear_items();
  for (const auto& [name, record] : records) {
    auto& item = *proto.add_items();
    item.set_key(name);
    if (const auto* const arrays = std::get_if<ArrayRecord>(&record)) {
      ToProto(*arrays, *item.mutable_array_record());
    } else if (const auto* const metrics = std::get_if<MetricRecord>(&record)) {
      ToProto(*metrics, *item.mutable_metric_record());
    } else {
      ToProto(std::get<ConfigRecord>(record), *item.mutable_config_record());
    }
  }
}

StatusOr<RecordDict> FromProto(const flwr::proto::RecordDict& proto) {
  RecordDict records;
  for (const auto& item : proto.items()) {
    if (item.has_array_record()) {
      records.Set(item.key(), FromProto(item.array_record()));
    } else if (item.has_metric_record()) {
      FLWRCPP_ASSIGN_OR_RETURN(MetricRecord metrics, FromProto(item.metric_record()));
      records.Set(item.key(), std::move(metrics));
    } else if (item.has_config_record()) {
      FLWRCPP_ASSIGN_OR_RETURN(ConfigRecord config, FromProto(item.config_record()));
      records.Set(item.key(), std::move(config));
    } else {
      return InvalidArgument("RecordDict: '{}' has no record", item.key());
    }
  }
  return records;
}

void ToProto(const ObjectTree& tree, flwr::proto::ObjectTree& proto) {
  proto.set_object_id(tree.id);
  for (const ObjectTree& child : tree.children) ToProto(child, *proto.add_children());
}

StatusOr<ObjectTree> FromProto(const flwr::proto::ObjectTree& proto, std::size_t max_nodes) {
  ObjectTree tree;
  FLWRCPP_RETURN_IF_ERROR(TreeFromProto(proto, 1, max_nodes, tree));
  return tree;
}

void ToStub(const Message& message, flwr::proto::Message& proto) {
  ToProto(message.metadata(), *proto.mutable_metadata());
  if (message.has_error()) {
    proto.mutable_error()->set_code(message.error().code);
    proto.mutable_error()->set_reason(message.error().reason);
  } else {
    proto.mutable_content();  // present but empty: a stub with neither is refused
  }
}

void ToProto(const UserConfig& config, ScalarMap& proto) {
  for (const auto& [key, value] : config) {
    flwr::proto::Scalar scalar;
    if (const auto* i = std::get_if<std::int64_t>(&value)) scalar.set_sint64(*i);
    if (const auto* u = std::get_if<std::uint64_t>(&value)) scalar.set_uint64(*u);
    if (const auto* d = std::get_if<double>(&value)) scalar.set_double_(*d);
    if (const auto* b = std::get_if<bool>(&value)) scalar.set_bool_(*b);
    if (const auto* s = std::get_if<std::string>(&value)) scalar.set_string(*s);
    if (const auto* r = std::get_if<ByteString>(&value)) scalar.set_bytes(r->value);
    if (scalar.scalar_case() != flwr::proto::Scalar::SCALAR_NOT_SET) proto[key] = scalar;
  }
}

UserConfig FromProto(const ScalarMap& proto) {
  std::vector<std::string> keys;
  for (const auto& entry : proto) keys.push_back(entry.first);
  std::sort(keys.begin(), keys.end());
  UserConfig config;
  for (const std::string& key : keys) {
    const flwr::proto::Scalar& scalar = proto.at(key);
    switch (scalar.scalar_case()) {
      case flwr::proto::Scalar::kDouble:
        config.Set(key, scalar.double_());
        break;
      case flwr::proto::Scalar::kUint64:
        config.Set(key, static_cast<std::uint64_t>(scalar.uint64()));
        break;
      case flwr::proto::Scalar::kSint64:
        config.Set(key, static_cast<std::int64_t>(scalar.sint64()));
        break;
      case flwr::proto::Scalar::kBool:
        config.Set(key, scalar.bool_());
        break;
      case flwr::proto::Scalar::kString:
        config.Set(key, scalar.string());
        break;
      case flwr::proto::Scalar::kBytes:
        config.Set(key, ByteString{scalar.bytes()});
        break;
      case flwr::proto::Scalar::SCALAR_NOT_SET:
        break;
    }
  }
  return config;
}

StatusOr<PushObjectView> ParsePushObjectRequest(const Bytes& body) {
  PushObjectView view;
  flwr::proto::Node node;
  const bool good = ForEachField(body, [&](std::uint32_t tag, CodedInputStream& in) {
    switch (tag) {
      case BytesTag(1):
        return ReadNode(in, body, node);
      case VarintTag(2):
        return in.ReadVarint64(&view.run_id);
      case BytesTag(3):
        return ReadText(in, body, view.object_id);
      case BytesTag(4):
        return ReadSlice(in, body, view.content);
      case BytesTag(5):
        return ReadText(in, body, view.session_id);
      default:
        return WireFormatLite::SkipField(&in, tag);
    }
  });
  if (!good) return InvalidArgument("the body is no PushObjectRequest");
  view.node_id = node.node_id();
  return view;
}

StatusOr<PullObjectView> ParsePullObjectResponse(const Bytes& body) {
  PullObjectView view;
  const bool good = ForEachField(body, [&](std::uint32_t tag, CodedInputStream& in) {
    switch (tag) {
      case VarintTag(1):
        return ReadBool(in, view.found);
      case VarintTag(2):
        return ReadBool(in, view.available);
      case BytesTag(3):
        return ReadSlice(in, body, view.content);
      default:
        return WireFormatLite::SkipField(&in, tag);
    }
  });
  if (!good) return InvalidArgument("the body is no PullObjectResponse");
  return view;
}

std::string PushObjectRequestFront(std::uint64_t node_id, std::uint64_t run_id,
                                   const std::string& object_id, const std::string& session_id,
                                   std::size_t content_size) {
  std::string front;
  const auto append_text = [&front](int field, std::string_view text) {
    AppendVarint(BytesTag(field), front);
    AppendVarint(text.size(), front);
    front += text;
  };
  flwr::proto::Node node;
  node.set_node_id(node_id);
  append_text(1, node.SerializeAsString());
  AppendVarint(VarintTag(2), front);
  AppendVarint(run_id, front);
  append_text(3, object_id);
  if (!session_id.empty()) append_text(5, session_id);
  AppendVarint(BytesTag(4), front);
  AppendVarint(content_size, front);
  return front;
}

std::string PullObjectResponseFront(std::size_t content_size) {
  std::string front;
  AppendVarint(VarintTag(1), front);
  AppendVarint(1, front);
  AppendVarint(VarintTag(2), front);
  AppendVarint(1, front);
  AppendVarint(BytesTag(3), front);
  AppendVarint(content_size, front);
  return front;
}

}  // namespace flwrcpp::internal
