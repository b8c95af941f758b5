// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flwr/proto/message.pb.h"
#include "flwr/proto/node.pb.h"
#include "flwr/proto/recorddict.pb.h"
#include "flwr/proto/transport.pb.h"
#include "flwrcpp/message.h"
#include "flwrcpp/records.h"
#include "records/object.h"

namespace flwrcpp::internal {

/// Between our value types and Flower's protobuf messages.

void ToProto(const Metadata& metadata, flwr::proto::Metadata& proto);
Metadata FromProto(const flwr::proto::Metadata& proto);

void ToProto(const MetricRecord& record, flwr::proto::MetricRecord& proto);
StatusOr<MetricRecord> FromProto(const flwr::proto::MetricRecord& proto);
void ToProto(const ConfigRecord& record, flwr::proto::ConfigRecord& proto);
StatusOr<ConfigRecord> FromProto(const flwr::proto::ConfigRecord& proto);

/// Records with their arrays inside, as a Context carries them.
void ToProto(const RecordDict& records, flwr::proto::RecordDict& proto);
StatusOr<RecordDict> FromProto(const flwr::proto::RecordDict& proto);

void ToProto(const ObjectTree& tree, flwr::proto::ObjectTree& proto);
/// @return `kInvalidArgument` for a tree deeper than `kMaxTreeDepth`, with more than `max_nodes`
///   nodes, or with an id that is not 64 hex digits.
StatusOr<ObjectTree> FromProto(const flwr::proto::ObjectTree& proto, std::size_t max_nodes);

/// The stub that stands for a message on the wire: metadata, and an error or empty content.
void ToStub(const Message& message, flwr::proto::Message& proto);

/// `override_config` of a run and the configs of a Context.
using ScalarMap = google::protobuf::Map<std::string, flwr::proto::Scalar>;
void ToProto(const UserConfig& config, ScalarMap& proto);
/// Keys are sorted; a map on the wire has no order. Values without a type are left out.
UserConfig FromProto(const ScalarMap& proto);

/// Field numbers of the two messages that carry an object's bytes; these are encoded and decoded
/// by hand so that 5 MiB of content are not copied through protobuf.
struct PushObjectView {
  std::uint64_t node_id = 0;
  std::uint64_t run_id = 0;
  std::string object_id;
  std::string session_id;
  Bytes content;  ///< A slice of the request body.
};
/// @return `kInvalidArgument` if `body` is no PushObjectRequest.
StatusOr<PushObjectView> ParsePushObjectRequest(const Bytes& body);

struct PullObjectView {
  bool found = false;
  bool available = false;
  Bytes content;  ///< A slice of the response body.
};
StatusOr<PullObjectView> ParsePullObjectResponse(const Bytes& body);

/// A serialized message in pieces: `front`, then the object's head and body.
/// Field order differs from protobuf's only where content comes last; every parser accepts that.
std::string PushObjectRequestFront(std::uint64_t node_id, std::uint64_t run_id,
                                   const std::string& object_id, const std::string& session_id,
                                   std::size_t content_size);
std::string PullObjectResponseFront(std::size_t content_size);

}  // namespace flwrcpp::internal
