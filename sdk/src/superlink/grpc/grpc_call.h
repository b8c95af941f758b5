// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <boost/asio/io_context.hpp>

#include "superlink/fleet_api.h"

namespace flwrcpp::internal {

/// The reactor of one gRPC call of the Fleet API; it deletes itself. `io` and `api` must outlive
/// it.
grpc::ServerGenericBidiReactor* MakeGrpcCall(boost::asio::io_context& io, FleetApi& api,
                                             FleetRpc rpc,
                                             const grpc::GenericCallbackServerContext& context);

}  // namespace flwrcpp::internal
