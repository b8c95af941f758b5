// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/step_model.h"

namespace flwrcpp::internal {

Status CheckFits(const char* what, ArrayRecord kept, const ArrayRecord& model) {
  if (kept.empty()) return absl::OkStatus();
  FLWRCPP_ASSIGN_OR_RETURN(const ArrayLayout layout, ArrayLayout::OfGlobalModel(model));
  const Status status = layout.Open(kept).status();
  return status.ok() ? status : Annotate(status, what);
}

}  // namespace flwrcpp::internal
