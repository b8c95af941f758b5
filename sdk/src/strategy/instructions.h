// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flwrcpp/message.h"
#include "flwrcpp/records.h"
#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp::internal {

/// One message of type `message_type` to each node; all share one RecordDict of the arrays and the
/// config, to which the round is added.
std::vector<Message> MakeInstructions(std::string_view message_type, const FedAvgOptions& options,
                                      const std::vector<std::uint64_t>& node_ids, int server_round,
                                      const ArrayRecord& arrays, ConfigRecord config);

}  // namespace flwrcpp::internal
