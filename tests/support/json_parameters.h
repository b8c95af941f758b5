// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flwrcpp/datasets/make_partitioner.h"
#include "tests/support/golden.h"

namespace flwrcpp::testing {

/// A parameter of a partitioner as Python's `json` writes it: 1 is an integer, 1.0 is not.
inline datasets::PartitionerParameter ToParameter(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (value.empty()) return std::vector<std::int64_t>();
  if (value[0].is_array()) return value.get<std::vector<std::vector<double>>>();
  if (value[0].is_string()) return value.get<std::vector<std::string>>();
  if (value[0].is_number_integer()) return value.get<std::vector<std::int64_t>>();
  return value.get<std::vector<double>>();
}

inline datasets::PartitionerParameters ToParameters(const Json& object) {
  datasets::PartitionerParameters parameters;
  for (const auto& [name, value] : object.items()) parameters[name] = ToParameter(value);
  return parameters;
}

}  // namespace flwrcpp::testing
