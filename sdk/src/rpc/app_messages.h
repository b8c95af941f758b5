// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <unordered_map>

#include "flwrcpp/message.h"
#include "flwrcpp/status.h"
#include "records/object.h"
#include "rpc/clock.h"
#include "rpc/object_pull.h"
#include "rpc/runtime_connection.h"

namespace flwrcpp::internal {

/// How the process of an app moves the content of its messages.
struct AppTransfer {
  RuntimeConnection& connection;
  Clock& clock;
  std::uint64_t node_id = 0;  ///< The app's own: of its node, or the SuperLink's.
  std::uint64_t run_id = 0;
  ObjectPullOptions limits;
  RetryPolicy retry;
};

/// Uploads the objects that `ticket` asks for.
/// @return what the calls return; `kAborted` for an object that was not taken, which happens when
///   the upload took so long that the peer gave it up.
Status UploadObjects(const AppTransfer& transfer, const AppPushTicket& ticket,
                     const ObjectMap& objects, std::stop_token stop);

/// Fetches the content of a message that was pulled and confirms it.
/// @return what the calls and `Inflate()` return.
StatusOr<Message> DownloadMessage(const AppTransfer& transfer, const PulledStub& pulled,
                                  std::stop_token stop);

}  // namespace flwrcpp::internal
