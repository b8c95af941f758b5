// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/node_proto.h"

#include <string>

#include "crypto/node_auth.h"

namespace flwrcpp::internal {

void ToProto(const NodeInfo& node, flwr::proto::NodeInfo& proto) {
  proto.set_node_id(node.node_id);
  proto.set_owner_aid(node.owner_id);
  proto.set_owner_name(node.owner_name);
  proto.set_status(std::string(NodeStatusName(node.status)));
  proto.set_registered_at(FormatTimestamp(node.registered_at));
  if (node.last_activated_at > 0) {
    proto.set_last_activated_at(FormatTimestamp(node.last_activated_at));
  }
  if (node.last_deactivated_at > 0) {
    proto.set_last_deactivated_at(FormatTimestamp(node.last_deactivated_at));
  }
  if (node.unregistered_at > 0) proto.set_unregistered_at(FormatTimestamp(node.unregistered_at));
  if (node.online_until > 0) proto.set_online_until(node.online_until);
  proto.set_heartbeat_interval(node.heartbeat_interval);
  proto.set_public_key(node.public_key);
  if (!node.location.empty()) proto.set_location(node.location);
  if (!node.name.empty()) proto.set_name(node.name);
}

}  // namespace flwrcpp::internal
