// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <vector>

#include "arrays/array_layout.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A square of numbers, one for each pair of replies.
using Distances = std::vector<std::vector<double>>;

/// The squared Euclidean distance between each two of `records`, all their arrays together, in one
/// pass over all. Infinite where it cannot be told.
/// @param layout whose keys and shapes each record has.
StatusOr<Distances> SquaredDistances(const ArrayLayout& layout,
                                     const std::vector<ArrayRecord>& records);

/// The positions of the `num_nodes_to_select` replies with the lowest scores, in ascending order;
/// see MultiKrum. Of equal scores the first ones.
std::vector<std::size_t> SelectMultiKrum(const Distances& distances, int num_malicious_nodes,
                                         std::size_t num_nodes_to_select);

}  // namespace flwrcpp::internal
