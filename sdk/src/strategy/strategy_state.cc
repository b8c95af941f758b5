// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/strategy_state.h"

#include <fmt/format.h>

#include "arrays/array_layout.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/step_model.h"

namespace flwrcpp::internal {

Status RestoreArrays(const RecordDict& state, const std::map<std::string, ArrayRecord*>& targets) {
  for (const auto& [name, unused] : state) {
    if (!targets.contains(name)) {
      return InvalidArgument("state: the record '{}' is not one of this strategy", name);
    }
  }
  const ArrayRecord* first = nullptr;
  for (const auto& [name, unused] : targets) {
    if (state.empty()) break;
    const ArrayRecord* const arrays = state.FindArrays(name);
    if (arrays == nullptr) return InvalidArgument("state: misses the ArrayRecord '{}'", name);
    Status status = CheckReal(*arrays);
    if (status.ok() && arrays->empty()) status = InvalidArgument("has no arrays");
    if (status.ok() && first != nullptr) {
      status = CheckFits("does not fit the record before it", *arrays, *first);
    }
    if (!status.ok()) return Annotate(status, fmt::format("state '{}'", name));
    first = arrays;
  }
  for (const auto& [name, target] : targets) {
    *target = state.empty() ? ArrayRecord() : *state.FindArrays(name);
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
