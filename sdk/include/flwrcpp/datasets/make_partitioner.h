// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "flwrcpp/datasets/partitioner.h"
#include "flwrcpp/datasets/vertical_partitioners.h"

namespace flwrcpp::datasets {

/// A value of a partitioner's parameter. Where a real number is expected an integer will do, and
/// where a list is expected so will a single value, if Flower takes one.
using PartitionerParameter =
    std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string>, std::vector<std::vector<double>>>;

/// Parameters by their names in Flower, e.g. `num_partitions`; '-' and '_' are the same.
using PartitionerParameters = std::map<std::string, PartitionerParameter>;

/// The names that `MakePartitioner` knows, in the order of the documentation.
std::vector<std::string> PartitionerNames();

/// Makes a partitioner whose name and parameters come from a command line or a run config.
/// @param name as Flower's class is called, e.g. "DirichletPartitioner", or without "Partitioner".
///   Upper and lower case do not matter, nor do '-' and '_': "natural-id".
/// @param parameters what is absent has its default. Modes are the texts of Flower.
/// @return `kInvalidArgument` for an unknown name or parameter (the text lists those there are), a
///   parameter of another type, or what the partitioner's own `Make…` function says.
StatusOr<std::unique_ptr<Partitioner>> MakePartitioner(const std::string& name,
                                                       const PartitionerParameters& parameters);

/// The names that `MakeVerticalPartitioner` knows.
std::vector<std::string> VerticalPartitionerNames();

/// As `MakePartitioner`, for those that divide columns.
StatusOr<std::unique_ptr<VerticalPartitioner>> MakeVerticalPartitioner(
    const std::string& name, const PartitionerParameters& parameters);

}  // namespace flwrcpp::datasets
