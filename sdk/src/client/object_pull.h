// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "fleet/clock.h"
#include "fleet/fleet_connection.h"
#include "records/object.h"

namespace flwrcpp::internal {

using ObjectMap = std::unordered_map<std::string, Object>;

struct ObjectPullOptions {
  int concurrency = 2;
  std::size_t max_message_bytes = 0;
};

/// Fetches the objects of `tree` that `objects` lacks and checks each against its id; waits for
/// those that the ServerApp has not uploaded yet.
/// @return what the calls return; `kNotFound` for an object the SuperLink does not have,
///   `kDeadlineExceeded` for one that never comes, `kInvalidArgument` for a damaged one,
///   `kResourceExhausted` if all objects together are too large. Objects that came stay.
Status PullObjects(FleetConnection& connection, Clock& clock, const ObjectPullOptions& options,
                   std::uint64_t run_id, const ObjectTree& tree, ObjectMap& objects,
                   std::stop_token stop);

}  // namespace flwrcpp::internal
