// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

namespace flwrcpp::datasets {

/// What a partitioner sees of a dataset: one column, with a value for each row. Class labels and
/// ids are integers or texts, measured properties real numbers.
///
/// A view: the values must outlive it. A vector, array or span of one of the four types becomes one
/// by itself. Values are ordered as in Python: numbers by size, texts by their code points (UTF-8).
using ColumnView = std::variant<std::span<const std::uint8_t>, std::span<const std::int64_t>,
                                std::span<const double>, std::span<const std::string>>;

}  // namespace flwrcpp::datasets
