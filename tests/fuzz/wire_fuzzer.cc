// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Protobuf messages of a peer. The first byte chooses which. The two that are decoded by hand are
// compared with protobuf's own reading; what protobuf refuses (tags of more than five bytes, text
// that is no UTF-8) ours may accept.

#include <google/protobuf/stubs/logging.h>

#include "crypto/encoding.h"
#include "flwr/proto/run.pb.h"
#include "records/wire.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {
namespace {

/// protobuf prints what it refuses.
const google::protobuf::LogSilencer kSilence;

enum Subject : std::uint8_t { kPush, kPull, kMessage, kMetrics, kConfig, kTree, kRun, kSubjects };

template <typename Proto>
bool Parse(std::string_view text, Proto& proto) {
  return proto.ParseFromArray(text.data(), static_cast<int>(text.size()));
}

void CheckPush(std::string_view text) {
  const StatusOr<internal::PushObjectView> ours =
      internal::ParsePushObjectRequest(Bytes(std::string(text)));
  flwr::proto::PushObjectRequest theirs;
  if (!Parse(text, theirs)) return;
  Require(ours.ok(), "what protobuf accepts is a PushObjectRequest");
  Require(ours->node_id == theirs.node().node_id() && ours->run_id == theirs.run_id() &&
              ours->object_id == theirs.object_id() && ours->session_id == theirs.session_id() &&
              ours->content.view() == theirs.object_content(),
          "a PushObjectRequest says what protobuf reads in it");
  const std::string written =
      internal::PushObjectRequestFront(ours->node_id, ours->run_id, ours->object_id,
                                       ours->session_id, ours->content.size()) +
      std::string(ours->content.view());
  flwr::proto::PushObjectRequest again;
  Require(Parse(written, again) && again.object_content() == theirs.object_content() &&
              again.node().node_id() == theirs.node().node_id() &&
              again.object_id() == theirs.object_id(),
          "protobuf reads our PushObjectRequest");
}

void CheckPull(std::string_view text) {
  const StatusOr<internal::PullObjectView> ours =
      internal::ParsePullObjectResponse(Bytes(std::string(text)));
  flwr::proto::PullObjectResponse theirs;
  if (!Parse(text, theirs)) return;
  Require(ours.ok(), "what protobuf accepts is a PullObjectResponse");
  Require(ours->found == theirs.object_found() && ours->available == theirs.object_available() &&
              ours->content.view() == theirs.object_content(),
          "a PullObjectResponse says what protobuf reads in it");
}

void CheckMessage(std::string_view text) {
  flwr::proto::Message proto;
  if (!Parse(text, proto)) return;
  const Metadata metadata = internal::FromProto(proto.metadata());
  static_cast<void>(IsValidMessageType(metadata.message_type));
  flwr::proto::Message stub;
  internal::ToStub(Message(metadata, Error{proto.error().code(), proto.error().reason()}), stub);
  proto.mutable_metadata()->DiscardUnknownFields();
  Require(stub.metadata().SerializeAsString() == proto.metadata().SerializeAsString(),
          "metadata written again is the same");
}

/// Numbers may change their form once (an unsigned one that fits a signed), not twice.
template <typename Proto>
void CheckRecord(std::string_view text) {
  Proto proto;
  if (!Parse(text, proto)) return;
  const auto record = internal::FromProto(proto);
  if (!record.ok()) return;
  Proto written;
  internal::ToProto(*record, written);
  const auto again = internal::FromProto(written);
  Require(again.ok() && again->size() == record->size(), "a record written again can be read");
  Proto rewritten;
  internal::ToProto(*again, rewritten);
  Require(written.SerializeAsString() == rewritten.SerializeAsString(),
          "a record written again is the same");
}

void CheckTree(std::string_view text) {
  flwr::proto::ObjectTree proto;
  constexpr std::size_t kMaxNodes = 100;
  if (!Parse(text, proto)) return;
  const StatusOr<internal::ObjectTree> tree = internal::FromProto(proto, kMaxNodes);
  if (!tree.ok()) return;
  const std::vector<std::string> ids = internal::PostOrder(*tree);
  Require(!ids.empty() && ids.size() <= kMaxNodes, "a tree has no more nodes than allowed");
  for (const std::string& id : ids) Require(internal::IsObjectId(id), "nodes are object ids");
  flwr::proto::ObjectTree written;
  internal::ToProto(*tree, written);
  const StatusOr<internal::ObjectTree> again = internal::FromProto(written, kMaxNodes);
  Require(again.ok() && internal::PostOrder(*again) == ids, "a tree written again is the same");
}

void CheckRun(std::string_view text) {
  flwr::proto::Run proto;
  if (!Parse(text, proto)) return;
  const UserConfig config = internal::FromProto(proto.override_config());
  internal::ScalarMap written;
  internal::ToProto(config, written);
  Require(written.size() == config.size(), "every scalar of a config can be written");
  Require(internal::FromProto(written).size() == config.size(), "a config written can be read");
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto add = [&](Subject subject, const std::string& text) {
    seeds.push_back(static_cast<char>(subject) + text);
  };
  const testing::Json& wire = testing::Vectors().at("wire_messages");
  add(kPush, testing::FromHex(wire.at("PushObject.req").at("hex")));
  add(kPull, testing::FromHex(wire.at("PullObject.res").at("hex")));
  for (const char* name : {"worked_example_instruction", "worked_example_reply"}) {
    const testing::Json& example = testing::Vectors().at(name);
    add(kMessage, testing::FromHex(example.at("wire_message_proto_hex")));
    add(kTree, testing::FromHex(example.at("tree_proto_hex")));
  }
  MetricRecord metrics{{"i", std::int64_t{-1}}, {"u", ~std::uint64_t{0}}, {"d", 0.5}};
  metrics.Set("list", std::vector<double>{1, 2});
  metrics.Set("ints", std::vector<std::int64_t>{3});
  flwr::proto::MetricRecord metrics_proto;
  internal::ToProto(metrics, metrics_proto);
  add(kMetrics, metrics_proto.SerializeAsString());
  ConfigRecord config{{"b", true}, {"s", std::string("text")}, {"y", ByteString{"\xff"}}};
  config.Set("flags", std::vector<bool>{true, false});
  config.Set("names", std::vector<std::string>{"a", ""});
  flwr::proto::ConfigRecord config_proto;
  internal::ToProto(config, config_proto);
  add(kConfig, config_proto.SerializeAsString());
  flwr::proto::Run run;
  internal::ToProto(config, *run.mutable_override_config());
  add(kRun, run.SerializeAsString());
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp::fuzz;
  InputReader reader(AsText(data, size));
  const auto subject = static_cast<Subject>(reader.Byte() % kSubjects);
  const std::string_view text = reader.Rest();
  switch (subject) {
    case kPush:
      CheckPush(text);
      break;
    case kPull:
      CheckPull(text);
      break;
    case kMessage:
      CheckMessage(text);
      break;
    case kMetrics:
      CheckRecord<flwr::proto::MetricRecord>(text);
      break;
    case kConfig:
      CheckRecord<flwr::proto::ConfigRecord>(text);
      break;
    case kTree:
      CheckTree(text);
      break;
    default:
      CheckRun(text);
  }
  return 0;
}
