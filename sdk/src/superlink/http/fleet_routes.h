// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "superlink/fleet_api.h"
#include "superlink/http/http_router.h"

namespace flwrcpp::internal {

/// Adds `POST /v1/fleet/<call>` for each call of the Fleet API. `api` must outlive the router.
void AddFleetRoutes(FleetApi& api, HttpRouter& router);

/// Adds `GET /health`, which says by an empty answer that the SuperLink is up.
void AddHealthRoute(HttpRouter& router);

}  // namespace flwrcpp::internal
