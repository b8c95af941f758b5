// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "flwrcpp/status.h"
#include "records/object.h"
#include "records/wire.h"
#include "rpc/clock.h"

namespace flwrcpp::internal {

using ObjectMap = std::unordered_map<std::string, Object>;

/// One attempt to fetch an object.
using PullObjectFn =
    std::function<StatusOr<PullObjectView>(const std::string& id, std::stop_token stop)>;

struct ObjectPullOptions {
  int concurrency = 2;
  std::size_t max_message_bytes = 0;
  /// Seconds after which an object that is still to come is not waited for any more.
  double longest_wait = 7200;
};

/// Fetches the objects of `tree` that `objects` lacks and checks each against its id; waits for
/// those that the sender has not uploaded yet.
/// @return what `pull` returns; `kNotFound` for an object the SuperLink does not have,
///   `kDeadlineExceeded` for one that never comes, `kInvalidArgument` for a damaged one,
///   `kResourceExhausted` if all objects together are too large. Objects that came stay.
Status PullObjects(const PullObjectFn& pull, Clock& clock, const ObjectPullOptions& options,
                   const ObjectTree& tree, ObjectMap& objects, std::stop_token stop);

}  // namespace flwrcpp::internal
