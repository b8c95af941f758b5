// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <span>

#include "fleet/fleet_transport.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A channel to the server at the options' address, which connects when it is first used.
std::shared_ptr<grpc::Channel> MakeGrpcChannel(const TransportOptions& options);

/// What a call ended with, in our words. gRPC reports failed handshakes as plain unavailability.
Status StatusFromChannel(const grpc::Status& status, const TransportOptions& options);

/// A buffer of `pieces`, which share the ownership of their bytes with it.
grpc::ByteBuffer ToByteBuffer(std::span<const Bytes> pieces);

}  // namespace flwrcpp::internal
