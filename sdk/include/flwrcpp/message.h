// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// Node id of the SuperLink and its ServerApps.
inline constexpr std::uint64_t kSuperLinkNodeId = 1;

/// How long a message is valid when nothing else is said, in seconds.
inline constexpr double kDefaultTtlSeconds = 43200;

/// Message types; each may carry an action, e.g. `train.personalize`.
namespace message_type {
inline constexpr std::string_view kTrain = "train";
inline constexpr std::string_view kEvaluate = "evaluate";
inline constexpr std::string_view kQuery = "query";
inline constexpr std::string_view kSystem = "system";
inline constexpr std::string_view kGetParameters = "get_parameters";  // classic API only
inline constexpr std::string_view kGetProperties = "get_properties";  // classic API only
inline constexpr std::string_view kReconnect = "reconnect";           // classic API only
}  // namespace message_type

/// Why a reply carries no content. (codes of `flwr.common.constant.ErrorCode`)
enum class ErrorCode : std::int64_t {
  kUnknown = 0,
  kLoadClientAppException = 1,
  kClientAppRaisedException = 2,
  kMessageUnavailable = 3,
  kReplyMessageUnavailable = 4,
  kNodeUnavailable = 5,
  kModFailedPrecondition = 6,
  kInvalidFab = 7,
  kClientAppCrashed = 8,
};

/// Flower's name of the code, e.g. `NODE_UNAVAILABLE`; "UNKNOWN" for codes Flower does not have.
std::string_view ErrorCodeName(std::int64_t code);

struct Error {
  std::int64_t code = 0;  ///< An `ErrorCode`, or whatever the peer sent.
  std::string reason;
  friend bool operator==(const Error&, const Error&) = default;
};

/// Where a message comes from, where it goes and how long it is valid. (`flwr.app.Metadata`)
struct Metadata {
  std::uint64_t run_id = 0;
  std::string message_id;  ///< Object id of the message: 64 hex digits; empty until it is sent.
  std::uint64_t src_node_id = 0;
  std::uint64_t dst_node_id = 0;
  std::string reply_to_message_id;  ///< Empty for instructions.
  std::string group_id;             ///< Classic API: the round as text; else empty.
  double created_at = 0;            ///< Unix seconds.
  double ttl = 0;                   ///< Seconds.
  std::string message_type;
  std::optional<std::uint64_t> src_task_id;
  std::optional<std::uint64_t> dst_task_id;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

/// One message between a ServerApp and a node: metadata and either content or an error.
/// (`flwr.app.Message`)
///
/// The content is shared between copies, so a round's instructions to a thousand nodes hold the
/// model once. Not thread-safe, but copies in different threads are.
class Message {
 public:
  Message() = default;
  Message(Metadata metadata, RecordDict content);
  Message(Metadata metadata, std::shared_ptr<const RecordDict> content);
  Message(Metadata metadata, Error error);

  /// An instruction of a ServerApp to node `dst_node_id`; the Grid fills in run, source and time.
  static Message Instruction(std::shared_ptr<const RecordDict> content, std::uint64_t dst_node_id,
                             std::string message_type, double ttl_seconds = kDefaultTtlSeconds,
                             std::string group_id = "");

  /// The reply to `instruction`: ids, type and group are copied, the ttl is what remains of it.
  /// `now` is in Unix seconds.
  static Message ReplyTo(const Message& instruction, RecordDict content, double now);
  static Message ReplyTo(const Message& instruction, RecordDict content);
  static Message ErrorReplyTo(const Message& instruction, Error error, double now);
  static Message ErrorReplyTo(const Message& instruction, Error error);

  Metadata& metadata() { return metadata_; }
  const Metadata& metadata() const { return metadata_; }
  bool has_content() const { return content_ != nullptr; }
  bool has_error() const { return error_.has_value(); }
  /// The records; an empty RecordDict when the message has none.
  const RecordDict& content() const;
  const std::shared_ptr<const RecordDict>& shared_content() const { return content_; }
  /// The error; meaningful only if `has_error()`.
  const Error& error() const;

 private:
  Metadata metadata_;
  std::shared_ptr<const RecordDict> content_;
  std::optional<Error> error_;
};

/// The time now as messages carry it: Unix seconds.
double UnixSeconds();

/// Checks a message type: one of Flower's, alone or with an action that is a Python identifier.
bool IsValidMessageType(std::string_view type);

}  // namespace flwrcpp
