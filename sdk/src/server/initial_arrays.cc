// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "flwrcpp/server_app.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "strategy/node_sampling.h"

namespace flwrcpp {
namespace {

using internal::MakeError;

/// The arrays in a classic `get_parameters` reply.
StatusOr<ArrayRecord> ReadReply(const Message& reply) {
  const std::uint64_t node_id = reply.metadata().src_node_id;
  if (reply.has_error()) {
    return MakeError(StatusCode::kFailedPrecondition,
                     "node {} has no initial arrays: error {} ({}): {}", node_id,
                     reply.error().code, ErrorCodeName(reply.error().code), reply.error().reason);
  }
  const ConfigRecord* const status = reply.content().FindConfig("getparametersres.status");
  if (status != nullptr) {
    const StatusOr<std::int64_t> code = status->GetInt("code");
    if (code.ok() && *code != 0) {
      return MakeError(StatusCode::kFailedPrecondition,
                       "node {} has no initial arrays: status {}: {}", node_id, *code,
                       status->GetString("message").value_or(""));
    }
  }
  const ArrayRecord* const parameters = reply.content().FindArrays("getparametersres.parameters");
  if (parameters == nullptr) {
    return internal::InvalidArgument(
        "node {}: the reply to get_parameters misses ArrayRecord 'getparametersres.parameters'",
        node_id);
  }
  // How the classic layer writes a model without parameters.
  if (parameters->contains("_empty")) return ArrayRecord();
  return *parameters;
}

}  // namespace

StatusOr<ArrayRecord> PullInitialArrays(Grid& grid,
                                        std::optional<std::chrono::duration<double>> timeout,
                                        std::stop_token stop) {
  const internal::SampleRequest request{.phase = message_type::kGetParameters,
                                        .fraction = 0,
                                        .min_nodes = 1,
                                        .min_available_nodes = 1,
                                        .seed = std::random_device()()};
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> nodes,
                           internal::SampleNodes(grid, request, stop));
  auto content = std::make_shared<RecordDict>();
  content->Set("getparametersins.config", ConfigRecord());
  std::vector<Message> messages;
  messages.push_back(Message::Instruction(std::move(content), nodes.front(),
                                          std::string(message_type::kGetParameters),
                                          kDefaultTtlSeconds, "0"));
  StatusOr<ArrayRecord> arrays = MakeError(
      StatusCode::kDeadlineExceeded, "node {} did not send initial arrays in time", nodes.front());
  FLWRCPP_RETURN_IF_ERROR(grid.SendAndReceive(
      std::move(messages), timeout,
      [&](Message reply) {
        arrays = ReadReply(reply);
        return absl::OkStatus();
      },
      stop));
  return arrays;
}

}  // namespace flwrcpp
