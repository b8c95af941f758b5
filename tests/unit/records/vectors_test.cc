// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Every vector of tests/golden/vectors.json that concerns objects: our bytes are stock Flower's.

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "crypto/sha256.h"
#include "flwr/proto/message.pb.h"
#include "flwrcpp/array.h"
#include "flwrcpp/message.h"
#include "records/npy.h"
#include "records/object.h"
#include "records/wire.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using internal::DeflatedMessage;
using internal::MakeObject;
using internal::Object;
using internal::ObjectTree;
using internal::ObjectType;
using testing::FromHex;
using testing::IsOk;
using testing::Json;
using testing::ToHex;
using testing::Vectors;

using Store = std::map<std::string, Object>;

std::string Content(const Object& object) {
  return std::string(object.head.view()) + std::string(object.body.view());
}

/// Objects of a dump, each checked as if it came over the wire.
void AddObjects(const Json& dump, Store& store) {
  for (const Json& object : dump["objects"]) {
    const auto id = object["id"].get<std::string>();
    const auto checked = internal::CheckObject(id, Bytes(FromHex(object["content_hex"])));
    ASSERT_THAT(checked, IsOk());
    store[id] = *checked;
  }
}

Object Put(Object object, Store& store) {
  store[object.id] = object;
  return object;
}

/// Wraps an object of any level into a message around it: {"it": object} levels of the right type.
std::string WrapIntoMessage(const std::string& type, std::string id, Store& store) {
  const auto named = [&](ObjectType parent) {
    id = Put(MakeObject(parent, {id}, Bytes("{\"it\": \"" + id + "\"}")), store).id;
  };
  if (type == "Message") return id;
  if (type == "Array") named(ObjectType::kArrayRecord);
  if (type != "RecordDict") named(ObjectType::kRecordDict);
  flwr::proto::Message proto;
  proto.mutable_metadata()->set_run_id(1);
  return Put(MakeObject(ObjectType::kMessage, {id}, Bytes(proto.SerializeAsString())), store).id;
}

Json TreeToJson(const ObjectTree& tree) {
  Json json;
  json["id"] = tree.id;
  json["children"] = Json::array();
  for (const ObjectTree& child : tree.children) json["children"].push_back(TreeToJson(child));
  return json;
}

const ObjectTree* FindTree(const ObjectTree& tree, const std::string& id) {
  if (tree.id == id) return &tree;
  for (const ObjectTree& child : tree.children) {
    if (const ObjectTree* found = FindTree(child, id)) return found;
  }
  return nullptr;
}

/// The message's objects contain exactly the dump's bytes, ids and tree.
void ExpectSameAsDump(const DeflatedMessage& deflated, const Json& dump) {
  Store ours;
  for (const Object& object :
       deflated.content ? deflated.content->objects : std::vector<Object>{}) {
    ours[object.id] = object;
  }
  ours[deflated.root.id] = deflated.root;
  for (const Json& expected : dump["objects"]) {
    const auto found = ours.find(expected["id"].get<std::string>());
    ASSERT_NE(found, ours.end()) << "no object like " << expected.dump();
    EXPECT_EQ(ToHex(Content(found->second)), expected["content_hex"]);
  }
  const ObjectTree* tree = FindTree(deflated.tree, dump["root_id"].get<std::string>());
  ASSERT_NE(tree, nullptr);
  EXPECT_EQ(TreeToJson(*tree), dump["tree"]);
  EXPECT_EQ(internal::PostOrder(*tree), dump["postorder_ids"].get<std::vector<std::string>>());
  flwr::proto::ObjectTree proto;
  internal::ToProto(*tree, proto);
  EXPECT_EQ(ToHex(proto.SerializeAsString()), dump["tree_proto_hex"]);
  const auto back = internal::FromProto(proto, 1000);
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(TreeToJson(*back), dump["tree"]);
}

StatusOr<Message> InflateFrom(const std::string& root, const Store& store) {
  return internal::Inflate(root, [&](const std::string& id) -> StatusOr<Object> {
    const auto found = store.find(id);
    if (found == store.end()) return absl::NotFoundError(id);
    return found->second;
  });
}

/// Reads stock's objects and writes them again.
void ExpectRoundTrip(const Json& dump) {
  Store store;
  AddObjects(dump, store);
  const auto type = dump["objects"].back()["type"].get<std::string>();
  const auto root = WrapIntoMessage(type, dump["root_id"].get<std::string>(), store);
  const auto message = InflateFrom(root, store);
  ASSERT_THAT(message, IsOk());
  ExpectSameAsDump(internal::Deflate(*message), dump);
}

Metadata MetadataOf(const Json& json) {
  Metadata metadata;
  metadata.run_id = json["run_id"];
  metadata.message_id = json["message_id"];
  metadata.src_node_id = json["src_node_id"];
  metadata.dst_node_id = json["dst_node_id"];
  if (!json["src_task_id"].is_null()) metadata.src_task_id = json["src_task_id"];
  if (!json["dst_task_id"].is_null()) metadata.dst_task_id = json["dst_task_id"];
  metadata.reply_to_message_id = json["reply_to_message_id"];
  metadata.group_id = json["group_id"];
  metadata.created_at = json["created_at"];
  metadata.ttl = json["ttl"];
  metadata.message_type = json["message_type"];
  return metadata;
}

RecordDict WorkedExampleContent() {
  RecordDict content;
  content.Set("arrays", ArrayRecord{{"w", *Array::From(std::vector<float>{1, 2, 3}, {3})}});
  content.Set("metrics", MetricRecord{{"num-examples", 3}});
  content.Set("config", ConfigRecord{{"server-round", 1}});
  return content;
}

TEST(Vectors, TheWorkedInstructionIsBuiltByteForByte) {
  const Json& example = Vectors()["worked_example_instruction"];
  Message message(MetadataOf(example["metadata"]), WorkedExampleContent());

  const DeflatedMessage deflated = internal::Deflate(message);

  EXPECT_EQ(deflated.root.id, example["root_id"]);
  ExpectSameAsDump(deflated, example);
  message.metadata().message_id = deflated.root.id;
  flwr::proto::Message stub;
  internal::ToStub(message, stub);
  EXPECT_EQ(ToHex(stub.SerializeAsString()), example["wire_message_proto_hex"]);
}

TEST(Vectors, TheWorkedReplyIsBuiltByteForByte) {
  const Json& example = Vectors()["worked_example_reply"];
  Message instruction(MetadataOf(Vectors()["worked_example_instruction"]["metadata"]),
                      WorkedExampleContent());
  instruction.metadata().message_id = Vectors()["worked_example_instruction"]["root_id"];
  Store store;
  AddObjects(example, store);
  const auto stock = InflateFrom(example["root_id"], store);
  ASSERT_THAT(stock, IsOk());

  Message reply = Message::ReplyTo(instruction, stock->content(), 1750000001.5);

  const DeflatedMessage deflated = internal::Deflate(reply);
  EXPECT_EQ(deflated.root.id, example["root_id"]);
  ExpectSameAsDump(deflated, example);
  reply.metadata().message_id = deflated.root.id;
  flwr::proto::Message stub;
  internal::ToStub(reply, stub);
  EXPECT_EQ(ToHex(stub.SerializeAsString()), example["wire_message_proto_hex"]);
}

TEST(Vectors, AnErrorReplyIsBuiltByteForByte) {
  const Json& example = Vectors()["error_reply"];
  Message reply(MetadataOf(example["metadata"]),
                Error{example["error"]["code"], example["error"]["reason"]});

  const DeflatedMessage deflated = internal::Deflate(reply);

  ExpectSameAsDump(deflated, example);
  reply.metadata().message_id = deflated.root.id;
  flwr::proto::Message stub;
  internal::ToStub(reply, stub);
  EXPECT_EQ(ToHex(stub.SerializeAsString()), example["wire_message_proto_hex"]);
}

TEST(Vectors, MessagesRoundTrip) {
  for (const char* name : {"worked_example_instruction", "worked_example_reply",
                           "instruction_with_src_task_id_and_group", "error_reply",
                           "error_reply_code0_no_reason", "message_with_empty_recorddict"}) {
    SCOPED_TRACE(name);
    ExpectRoundTrip(Vectors()[name]);
  }
}

TEST(Vectors, RecordsRoundTrip) {
  for (const auto& [name, dump] : Vectors()["records"].items()) {
    SCOPED_TRACE(name);
    if (dump.contains("root_id")) {
      ExpectRoundTrip(dump);
    } else {
      for (const auto& [inner, inner_dump] : dump.items()) {
        SCOPED_TRACE(inner);
        ExpectRoundTrip(inner_dump);
      }
    }
  }
  ExpectRoundTrip(Vectors()["array_explicit_custom_stype"]);
  ExpectRoundTrip(Vectors()["array_empty_data"]);
}

TEST(Vectors, KeyOrderIsPartOfTheId) {
  const Json& vectors = Vectors()["records"]["key_order_matters"];
  const auto id_of = [](const ConfigRecord& record) {
    return internal::Deflate(RecordDict{{"it", record}}).objects.front().id;
  };

  EXPECT_EQ(id_of({{"a", 1}, {"b", 2}}), vectors["ab"]["root_id"]);
  EXPECT_EQ(id_of({{"b", 2}, {"a", 1}}), vectors["ba"]["root_id"]);
}

ConfigValue ConfigValueOf(const Json& item) {
  const auto type = item["type"].get<std::string>();
  if (type == "int") return item["value"].get<std::int64_t>();
  if (type == "float") return item["value"].get<double>();
  if (type == "bool") return item["value"].get<bool>();
  if (type == "bytes") return ByteString{FromHex(item["value"])};
  return item["value"].get<std::string>();
}

/// Builds a record from the description in `records_in_order`.
Record RecordOf(const Json& description) {
  const auto kind = description["kind"].get<std::string>();
  if (kind == "ArrayRecord") {
    ArrayRecord record;
    for (const auto& [name, item] : description["items"].items()) {
      std::vector<Bytes> segments;
      if (item["data_hex"] != "") segments.emplace_back(FromHex(item["data_hex"]));
      record.Set(name, Array(item["dtype"], item["shape"].get<std::vector<std::int64_t>>(),
                             item["stype"], std::move(segments)));
    }
    return record;
  }
  if (kind == "MetricRecord") {
    MetricRecord record;
    for (const auto& [name, item] : description["items"].items()) {
      if (item["type"] == "int") record.Set(name, item["value"].get<std::int64_t>());
      if (item["type"] == "float") record.Set(name, item["value"].get<double>());
    }
    return record;
  }
  ConfigRecord record;
  for (const auto& [name, item] : description["items"].items()) {
    record.Set(name, ConfigValueOf(item));
  }
  return record;
}

TEST(Vectors, LegacyRecordsAreBuiltByteForByte) {
  for (const auto& [name, example] : Vectors()["legacy_compat"].items()) {
    SCOPED_TRACE(name);
    RecordDict content;
    for (const Json& item : example["records_in_order"]) {
      content.Set(item[0].get<std::string>(), RecordOf(item[1]));
    }

    ExpectSameAsDump(internal::Deflate(Message(Metadata{}, content)), example["dump"]);
    ExpectRoundTrip(example["dump"]);
  }
}

TEST(Vectors, ArraysOfEveryDtypeAreReadFromNpyAndDeflated) {
  for (const auto& [name, example] : Vectors()["arrays"].items()) {
    SCOPED_TRACE(name);
    std::string npy;
    if (example["data_hex"].is_null()) {  // the large one: zeros
      std::vector<float> values(10 * 28 * 28);
      npy = internal::MakeNpyPrefix("<f4", false, {10, 1, 28, 28});
      npy.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
      ASSERT_EQ(internal::Sha256::Hex(npy), example["data_sha256"]);
    } else {
      npy = FromHex(example["data_hex"]);
    }

    const auto array = Array::FromNpy(Bytes(npy));

    ASSERT_THAT(array, IsOk());
    EXPECT_EQ(array->dtype(), example["dtype"]);
    EXPECT_EQ(array->shape(), example["shape"].get<std::vector<std::int64_t>>());
    const auto header = array->Header();
    ASSERT_THAT(header, IsOk());
    EXPECT_EQ(internal::MakeNpyPrefix(header->descr, header->fortran_order, header->shape),
              npy.substr(0, header->data_offset));
    const auto deflated = internal::Deflate(RecordDict{{"r", ArrayRecord{{"a", *array}}}});
    EXPECT_EQ(deflated.objects[0].id, example["chunk_ids"][0]);
    EXPECT_EQ(deflated.objects[1].id, example["array_id"]);
    EXPECT_EQ(ToHex(Content(deflated.objects[1])), example["array_content_hex"]);
  }
}

TEST(Vectors, NpyHeadersAreWrittenAsNumpyDoes) {
  for (const auto& [name, example] : Vectors()["npy_headers"].items()) {
    SCOPED_TRACE(name);
    const std::string prefix =
        internal::MakeNpyPrefix(example["descr"].get<std::string>(), example["fortran"],
                                example["shape"].get<std::vector<std::int64_t>>());

    EXPECT_EQ(prefix.size(), example["prefix_len"]);
    EXPECT_EQ(prefix.substr(10), example["header_text"]);
  }
}

TEST(Vectors, LargeArraysAreCutIntoChunksOf5MiB) {
  const Json& example = Vectors()["chunking_5MiB_zeros"];
  const auto array = Array::From(std::vector<float>(3932160, 0.0F), {3932160});
  ASSERT_THAT(array, IsOk());
  EXPECT_EQ(array->data_size(), example["data_len"]);

  const auto deflated = internal::Deflate(RecordDict{{"r", ArrayRecord{{"a", *array}}}});

  ASSERT_EQ(deflated.objects.size(), 3U + 1 + 1 + 1);  // two of the four chunks are equal
  EXPECT_EQ(deflated.objects[0].id, example["chunk_ids_in_order"][0]);
  EXPECT_EQ(deflated.objects[1].id, example["chunk_ids_in_order"][1]);
  EXPECT_EQ(deflated.objects[1].id, example["chunk_ids_in_order"][2]);
  EXPECT_EQ(deflated.objects[2].id, example["chunk_ids_in_order"][3]);
  const Object& object = deflated.objects[3];
  EXPECT_EQ(object.id, example["array_id"]);
  EXPECT_EQ(object.head.view(), example["array_head"].get<std::string>() + '\0');
  EXPECT_EQ(object.body.view(), example["array_body"].get<std::string>());
}

TEST(Vectors, ChunksOfAnyOtherSizeAreRead) {
  const Json& example = Vectors()["chunking_small_limit"];
  const std::string data = FromHex(example["data_hex"]);
  Store store;
  std::size_t offset = 0;
  for (const Json& chunk : example["chunks"]) {
    const Bytes body = Bytes(data).Slice(offset, 64);
    const Object object = Put(MakeObject(ObjectType::kArrayChunk, {}, body), store);
    EXPECT_EQ(object.id, chunk["id"]);
    EXPECT_EQ(ToHex(Content(object)), chunk["content_hex"]);
    offset += body.size();
  }
  const std::string id = example["array_id"];
  const auto array_object = internal::CheckObject(id, Bytes(FromHex(example["array_content_hex"])));
  ASSERT_THAT(array_object, IsOk());
  store[id] = *array_object;

  const auto message = InflateFrom(WrapIntoMessage("Array", id, store), store);

  ASSERT_THAT(message, IsOk());
  const Array* array = message->content().FindArrays("it")->Find("it");
  EXPECT_EQ(array->segments().size(), 3U);
  EXPECT_EQ(array->Contiguous().view(), data);
  std::vector<std::uint8_t> expected(40);
  std::iota(expected.begin(), expected.end(), std::uint8_t{0});
  const auto values = array->ToVector<std::uint8_t>();
  ASSERT_THAT(values, IsOk());
  EXPECT_EQ(*values, expected);
}

TEST(Vectors, ObjectsAreAcceptedAndRefusedAsByFlowersStore) {
  for (const auto& [name, example] : Vectors()["object_validation"].items()) {
    SCOPED_TRACE(name);
    const auto object =
        internal::CheckObject(example["sha256"], Bytes(FromHex(example["content_hex"])));

    if (example["result"] == "accepted") {
      EXPECT_THAT(object, IsOk());
    } else {
      EXPECT_THAT(object, testing::StatusIs(StatusCode::kInvalidArgument));
    }
  }
}

}  // namespace
}  // namespace flwrcpp
