// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "superlink/http/http_router.h"
#include "superlink/runtime_api.h"

namespace flwrcpp::internal {

/// The Runtime API below `/v1/runtime/`, as Flower 1.40 and later speak it. `api` must outlive
/// `router`.
void AddRuntimeRoutes(RuntimeApi& api, HttpRouter& router);

}  // namespace flwrcpp::internal
