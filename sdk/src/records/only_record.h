// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <variant>

#include "flwrcpp/records.h"
#include "internal/errors.h"

namespace flwrcpp::internal {

/// The only record of kind `T` and its name; Flower's ServerApps and mods want exactly one each.
/// @param kind what `T` is called.
/// @return `kInvalidArgument` when there are none or several.
template <typename T>
StatusOr<const RecordDict::Item*> FindOnly(const RecordDict& content, const char* kind) {
  const RecordDict::Item* only = nullptr;
  int count = 0;
  for (const RecordDict::Item& item : content) {
    if (!std::holds_alternative<T>(item.second)) continue;
    only = &item;
    ++count;
  }
  if (count != 1) return InvalidArgument("expected exactly one {}, got {}", kind, count);
  return only;
}

}  // namespace flwrcpp::internal
