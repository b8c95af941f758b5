// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "fleet/fleet_transport.h"

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {

StatusOr<std::unique_ptr<FleetTransport>> MakeTransport(Transport transport,
                                                        const TransportOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(CheckEndpoint(options));
  switch (transport) {
    case Transport::kHttp:
      return MakeHttpTransport(options);
    case Transport::kGrpc:
      return MakeGrpcTransport(options);
    case Transport::kClassic:
      return InvalidArgument("the classic stream carries no Fleet calls");
    case Transport::kAuto:
      break;
  }
  return MakeAutoTransport(options);
}

}  // namespace flwrcpp::internal
