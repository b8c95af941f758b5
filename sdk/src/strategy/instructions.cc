// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/instructions.h"

#include <memory>
#include <string>
#include <utility>

namespace flwrcpp::internal {

std::vector<Message> MakeInstructions(std::string_view message_type, const FedAvgOptions& options,
                                      const std::vector<std::uint64_t>& node_ids, int server_round,
                                      const ArrayRecord& arrays, ConfigRecord config) {
  config.Set("server-round", std::int64_t{server_round});
  const auto content = std::make_shared<RecordDict>();
  content->Set(options.arrayrecord_key, arrays);
  content->Set(options.configrecord_key, std::move(config));
  std::vector<Message> messages;
  messages.reserve(node_ids.size());
  for (const std::uint64_t node_id : node_ids) {
    messages.push_back(Message::Instruction(content, node_id, std::string(message_type)));
  }
  return messages;
}

}  // namespace flwrcpp::internal
