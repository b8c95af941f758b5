// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "superlink/control_service.h"
#include "superlink/http/http_router.h"
#include "superlink/notifier.h"

namespace flwrcpp::internal {

/// Adds `POST /v1/control/<call>` for each call of the Control API. Calls that this SuperLink does
/// not know are answered by 501. `service` and `notifier` must outlive the router.
void AddControlRoutes(ControlService& service, Notifier& notifier, HttpRouter& router);

}  // namespace flwrcpp::internal
