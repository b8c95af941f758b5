// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace flwrcpp::testing {

/// Expects that `S` cannot be made with `setting` at one of `values`, NaN or infinity, and that the
/// text has `text`.
template <typename S, typename Options>
void ExpectRefused(double Options::*setting, std::vector<double> values, const std::string& text) {
  values.push_back(std::numeric_limits<double>::quiet_NaN());
  values.push_back(std::numeric_limits<double>::infinity());
  for (const double value : values) {
    Options options;
    options.*setting = value;
    EXPECT_THAT(S::Create(options), StatusIs(StatusCode::kInvalidArgument, text)) << value;
  }
}

}  // namespace flwrcpp::testing
