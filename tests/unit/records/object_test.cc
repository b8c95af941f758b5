// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "records/object.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "records/wire.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using testing::IsOk;
using testing::StatusIs;

using Store = std::map<std::string, Object>;

Store StoreOf(const DeflatedMessage& message) {
  Store store;
  for (const Object& object : message.content->objects) store[object.id] = object;
  store[message.root.id] = message.root;
  return store;
}

StatusOr<Message> InflateFrom(const std::string& root, const Store& store) {
  return Inflate(root, [&](const std::string& id) -> StatusOr<Object> {
    const auto found = store.find(id);
    if (found == store.end()) return absl::NotFoundError("no object " + id);
    return found->second;
  });
}

Message AMessage() {
  ArrayRecord arrays;
  arrays.Set("w", *Array::From(std::vector<float>{1, 2}, {2}));
  arrays.Set("again", *Array::From(std::vector<float>{1, 2}, {2}));
  RecordDict content;
  content.Set("arrays", arrays);
  content.Set("metrics", MetricRecord{{"loss", 0.25}});
  Metadata metadata;
  metadata.run_id = 3;
  metadata.message_type = "train";
  return {metadata, content};
}

TEST(Objects, AMessageIsTakenApartAndPutTogether) {
  const DeflatedMessage deflated = Deflate(AMessage());

  const auto message = InflateFrom(deflated.root.id, StoreOf(deflated));

  ASSERT_THAT(message, IsOk());
  EXPECT_EQ(message->metadata().message_id, deflated.root.id);
  EXPECT_EQ(message->metadata().run_id, 3U);
  EXPECT_EQ(message->content(), AMessage().content());
}

TEST(Objects, ArraysAreViewsIntoTheReceivedBuffer) {
  const DeflatedMessage deflated = Deflate(AMessage());
  const Store store = StoreOf(deflated);

  const auto message = InflateFrom(deflated.root.id, store);

  const Array* array = message->content().FindArrays("arrays")->Find("w");
  bool found = false;
  for (const auto& [id, object] : store) {
    found = found || object.body.data() == array->segments().front().data();
  }
  EXPECT_TRUE(found);
}

TEST(Objects, DeflatingDoesNotCopyArrayData) {
  const Message message = AMessage();
  const DeflatedMessage deflated = Deflate(message);

  EXPECT_EQ(deflated.content->objects.front().body.data(),
            message.content().FindArrays("arrays")->Find("w")->segments().front().data());
}

TEST(Objects, AMissingObjectIsTheErrorOfItsSource) {
  const DeflatedMessage deflated = Deflate(AMessage());
  for (const auto& [missing, object] : StoreOf(deflated)) {
    Store store = StoreOf(deflated);
    store.erase(missing);
    EXPECT_THAT(InflateFrom(deflated.root.id, store), StatusIs(StatusCode::kNotFound, missing));
  }
}

TEST(Objects, AWrongHashIsRefused) {
  const std::string content = std::string("ArrayChunk  1") + '\0' + "a";
  EXPECT_THAT(CheckObject(std::string(64, '0'), Bytes(content)),
              StatusIs(StatusCode::kInvalidArgument, "has the hash"));
}

TEST(Objects, OfManyThatAreCheckedTogetherOnlyTheDamagedAreRefused) {
  std::vector<ReceivedObject> received;
  for (int i = 0; i < 40; ++i) {
    const Object object = MakeObject(ObjectType::kArrayChunk, {}, Bytes(std::string(i, 'x')));
    received.push_back(
        {object.id, Bytes(std::string(object.head.view()) + std::string(object.body.view()))});
  }
  std::swap(received[30].content, received[31].content);
  received[32].content = Bytes("no object");

  const std::vector<StatusOr<Object>> checked = CheckObjects(received);

  ASSERT_EQ(checked.size(), received.size());
  for (std::size_t i = 0; i < received.size(); ++i) {
    if (i >= 30 && i <= 32) {
      EXPECT_THAT(checked[i], StatusIs(StatusCode::kInvalidArgument)) << i;
    } else {
      ASSERT_THAT(checked[i], IsOk()) << i;
      EXPECT_EQ(checked[i]->id, received[i].id);
      EXPECT_EQ(checked[i]->body.size(), i);
    }
  }
}

TEST(Objects, ChunksAreThoseThatWouldBeMadeOneByOne) {
  ArrayRecord arrays;
  std::vector<Object> expected;
  for (int i = 0; i < 20; ++i) {
    const std::size_t size = kArrayChunkSize * static_cast<std::size_t>(i % 3) / 2 + 100;
    const Bytes data(std::string(size, static_cast<char>(i)));
    arrays.Set(std::to_string(i), Array("", {}, "x", {data}));
    for (std::size_t offset = 0; offset < size; offset += kArrayChunkSize) {
      expected.push_back(
          MakeObject(ObjectType::kArrayChunk, {}, data.Slice(offset, kArrayChunkSize)));
    }
  }
  RecordDict content;
  content.Set("arrays", arrays);

  std::vector<Object> chunks;
  for (const Object& object : Deflate(content).objects) {
    if (object.head.view().starts_with("ArrayChunk ")) chunks.push_back(object);
  }
  ASSERT_EQ(chunks.size(), expected.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].id, expected[i].id);
    EXPECT_EQ(chunks[i].head, expected[i].head);
    EXPECT_EQ(chunks[i].body, expected[i].body);
  }
}

/// A message whose one record is `record`, around whatever objects `store` holds.
StatusOr<Message> InflateRecord(const Object& record, Store store) {
  store[record.id] = record;
  const Object dict =
      MakeObject(ObjectType::kRecordDict, {record.id}, Bytes("{\"r\": \"" + record.id + "\"}"));
  const Object root = MakeObject(ObjectType::kMessage, {dict.id}, Bytes());
  store[dict.id] = dict;
  store[root.id] = root;
  return InflateFrom(root.id, store);
}

TEST(Objects, ContentThatContradictsItselfIsRefused) {
  const Object chunk = MakeObject(ObjectType::kArrayChunk, {}, Bytes("data"));
  const auto array = [&](const std::string& body) {
    const Object object = MakeObject(ObjectType::kArray, {chunk.id}, Bytes(body));
    const Object record =
        MakeObject(ObjectType::kArrayRecord, {object.id}, Bytes("{\"a\": \"" + object.id + "\"}"));
    return InflateRecord(record, {{chunk.id, chunk}, {object.id, object}});
  };
  const std::string front = R"({"dtype": "", "shape": [], "stype": "x", "arraychunk_ids": )";
  ASSERT_THAT(array(front + "[0]}"), IsOk());
  for (const std::string& body :
       {front + "[]}", front + "[0, 1]}", front + "[-1]}", front + "[0.5]}", front + "0}",
        front + "[0]", std::string("{}"), std::string("[]"), std::string(),
        std::string(R"({"dtype": 1, "shape": [], "stype": "x", "arraychunk_ids": [0]})"),
        std::string(R"({"dtype": "", "shape": ["a"], "stype": "x", "arraychunk_ids": [0]})")}) {
    SCOPED_TRACE(body);
    EXPECT_THAT(array(body), StatusIs(StatusCode::kInvalidArgument));
  }

  const auto record = [&](const std::string& body) {
    return InflateRecord(MakeObject(ObjectType::kArrayRecord, {chunk.id}, Bytes(body)),
                         {{chunk.id, chunk}});
  };
  EXPECT_THAT(record("{}"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(record("{\"a\": 1}"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(record("{\"a\": \"" + chunk.id + "\"}"),
              StatusIs(StatusCode::kInvalidArgument, "another type"));
  EXPECT_THAT(InflateRecord(MakeObject(ObjectType::kMetricRecord, {}, Bytes("\x0a")), {}),
              StatusIs(StatusCode::kInvalidArgument, "damaged"));
  EXPECT_THAT(InflateRecord(chunk, {}), StatusIs(StatusCode::kInvalidArgument));
}

TEST(Objects, AMessageWithNeitherContentNorErrorIsRefused) {
  const Object root = MakeObject(ObjectType::kMessage, {}, Bytes());
  EXPECT_THAT(InflateFrom(root.id, {{root.id, root}}),
              StatusIs(StatusCode::kInvalidArgument, "neither"));
}

TEST(Objects, NamesKeepTheirOrderAndTheLastIdOfANameCounts) {
  const Object metrics = MakeObject(ObjectType::kMetricRecord, {}, Bytes());
  flwr::proto::ConfigRecord proto;
  ToProto(ConfigRecord{{"k", true}}, proto);
  const Object config = MakeObject(ObjectType::kConfigRecord, {}, Bytes(proto.SerializeAsString()));
  const std::string m = "\": \"" + metrics.id + "\"";
  const std::string c = "\": \"" + config.id + "\"";
  const Object dict =
      MakeObject(ObjectType::kRecordDict, {metrics.id, config.id},
                 Bytes("{\"z" + m + ", \"a" + m + ", \"\\u00e9" + c + ", \"z" + c + "}"));
  const Object root = MakeObject(ObjectType::kMessage, {dict.id}, Bytes());

  const auto message = InflateFrom(
      root.id, {{root.id, root}, {dict.id, dict}, {metrics.id, metrics}, {config.id, config}});

  ASSERT_THAT(message, IsOk());
  EXPECT_EQ(message->content(), (RecordDict{{"z", ConfigRecord{{"k", true}}},
                                            {"a", MetricRecord()},
                                            {"\xc3\xa9", ConfigRecord{{"k", true}}}}));
}

/// A JSON body that gives `id` to `count` names.
Bytes ManyNames(std::size_t count, const std::string& id) {
  std::string body = "{";
  for (std::size_t i = 0; i < count; ++i) {
    body += (i == 0 ? "\"" : ", \"") + std::to_string(i) + "\": \"" + id + '"';
  }
  return Bytes(body + '}');
}

// 300 KB that would become four million arrays.
TEST(Objects, AMessageThatRepeatsItselfWithoutBoundIsRefused) {
  const Object chunk = MakeObject(ObjectType::kArrayChunk, {}, Bytes("data"));
  const Object array =
      MakeObject(ObjectType::kArray, {chunk.id},
                 Bytes(R"({"dtype": "", "shape": [], "stype": "x", "arraychunk_ids": [0]})"));
  const auto inflate = [&](std::size_t names) {
    const Object arrays =
        MakeObject(ObjectType::kArrayRecord, {array.id}, ManyNames(names, array.id));
    const Object dict =
        MakeObject(ObjectType::kRecordDict, {arrays.id}, ManyNames(names, arrays.id));
    const Object root = MakeObject(ObjectType::kMessage, {dict.id}, Bytes());
    return InflateFrom(root.id, {{root.id, root},
                                 {dict.id, dict},
                                 {arrays.id, arrays},
                                 {array.id, array},
                                 {chunk.id, chunk}});
  };

  EXPECT_THAT(inflate(20), IsOk());
  EXPECT_THAT(inflate(2000), StatusIs(StatusCode::kInvalidArgument, "repeat"));
}

TEST(Objects, AShapeBeyondSignedNumbersIsRefused) {
  const Object array = MakeObject(
      ObjectType::kArray, {},
      Bytes(
          R"({"dtype": "", "shape": [9223372036854775808], "stype": "x", "arraychunk_ids": []})"));
  const Object record = MakeObject(ObjectType::kArrayRecord, {array.id}, ManyNames(1, array.id));

  EXPECT_THAT(InflateRecord(record, {{array.id, array}}),
              StatusIs(StatusCode::kInvalidArgument, "shape"));
}

TEST(Objects, DeeplyNestedJsonIsRefusedNotRecursedInto) {
  const Object record = MakeObject(ObjectType::kArrayRecord, {}, Bytes(std::string(100000, '[')));
  EXPECT_THAT(InflateRecord(record, {}), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace flwrcpp::internal
