// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <vector>

#include "flwrcpp/records.h"
#include "tests/support/golden.h"

namespace flwrcpp::testing {

/// Arrays of a golden file: `.npy` files in hex by name.
inline ArrayRecord ReadGoldenArrays(const Json& json) {
  ArrayRecord arrays;
  for (const auto& [key, npy] : json.items()) {
    arrays.Set(key, Array::FromNpy(Bytes(FromHex(npy))).value());
  }
  return arrays;
}

/// The elements of a float32 or float64 array in C order; none for other types.
inline std::vector<double> DoublesOf(const Array& array) {
  if (const auto doubles = array.ToVector<double>(); doubles.ok()) return *doubles;
  const auto floats = array.ToVector<float>();
  if (!floats.ok()) return {};
  return std::vector<double>(floats->begin(), floats->end());
}

/// Expects the same keys in the same order, and the same types, shapes and values up to
/// `tolerance`.
inline void ExpectArraysNear(const ArrayRecord& actual, const ArrayRecord& expected,
                             double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& [key, array] = expected.item(i);
    SCOPED_TRACE(key);
    EXPECT_EQ(actual.item(i).first, key);
    EXPECT_EQ(actual.item(i).second.dtype(), array.dtype());
    EXPECT_EQ(actual.item(i).second.shape(), array.shape());
    EXPECT_THAT(DoublesOf(actual.item(i).second),
                ::testing::Pointwise(::testing::DoubleNear(tolerance), DoublesOf(array)));
  }
}

}  // namespace flwrcpp::testing
