// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "flwrcpp/datasets/data_source.h"

namespace flwrcpp::internal {

/// The splits of `source`, each in an order drawn with `seed`: `datasets.DatasetDict.shuffle(seed)`
/// of Python. Reads no split before it is asked for, since a node need not have them all.
/// @param seed nothing: one that nobody knows.
std::shared_ptr<const datasets::DataSource> MakeShuffledSource(
    std::shared_ptr<const datasets::DataSource> source, std::optional<std::uint64_t> seed);

}  // namespace flwrcpp::internal
