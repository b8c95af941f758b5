// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "flwr/proto/transport.pb.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "records/wire.h"

namespace flwrcpp::internal::classic {

/// Between records and the messages of the classic stream (`FlowerService.Join`), where parameters
/// are a list of tensors without names, and everything else is scalars.

/// Largest message that Flower's own peers accept unless they are told otherwise.
inline constexpr std::size_t kMaxMessageBytes = std::size_t{512} << 20;

/// Stands for an empty list in ArrayRecords of the classic layer, which are never empty.
inline constexpr std::string_view kEmptyMark = "_empty";

/// The tensors in their order, named "0", "1", … Their bytes are not copied: `owner` keeps
/// `parameters` alive.
ArrayRecord ReadTensors(const flwr::proto::Parameters& parameters,
                        const std::shared_ptr<const void>& owner);

/// Writes `record` to a map of scalars.
/// @return `kInvalidArgument`, naming `where` and the key, for a list.
Status WriteScalars(const ConfigRecord& record, std::string_view where, ScalarMap& proto);

/// A message of the stream with tensors in it, in pieces that share the arrays' bytes.
struct MessageShape {
  int field = 0;             ///< Of the ServerMessage or ClientMessage: which kind it is.
  int parameters_field = 0;  ///< Of that kind: where its `Parameters` are.
};
/// @param rest the message of that kind without its parameters.
/// @return `kInvalidArgument` for arrays of several stypes, which the wire cannot carry.
StatusOr<std::vector<Bytes>> WithTensors(const MessageShape& shape,
                                         const google::protobuf::MessageLite& rest,
                                         const ArrayRecord& arrays);

/// Bytes of all pieces together.
std::size_t TotalSize(std::span<const Bytes> pieces);

}  // namespace flwrcpp::internal::classic
