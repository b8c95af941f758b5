// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace tabular_regression {

inline constexpr std::size_t kNumFeatures = 4;
inline constexpr std::size_t kNumHidden = 16;

/// Rows of a table: what is known of a sample, and the number to be predicted.
struct Table {
  std::vector<std::array<float, kNumFeatures>> features;
  std::vector<float> targets;

  std::size_t size() const { return targets.size(); }
};

/// Measurements of a machine: its power draw, as it follows from speed, load, temperature and age.
/// Each site runs its machines in a range of its own, so no site sees the whole.
/// @param site 0 to `num_sites - 1`; `num_sites` itself stands for all ranges, as a test set.
Table Measure(std::size_t site, std::size_t num_sites, std::size_t rows, std::uint32_t seed);

/// A network with one hidden layer of tanh, in plain arrays.
class Regressor {
 public:
  explicit Regressor(std::uint32_t seed);

  /// As named arrays: `hidden.weight` [16, 4], `hidden.bias` [16], `out.weight` [16], `out.bias`
  /// [].
  flwrcpp::StatusOr<flwrcpp::ArrayRecord> Parameters() const;
  /// @return `kInvalidArgument` if an array is missing or of another form; nothing is changed then.
  flwrcpp::Status SetParameters(const flwrcpp::ArrayRecord& arrays);

  /// Stochastic gradient descent on the squared error, row by row, in an order drawn with `seed`.
  void Train(const Table& table, int epochs, float lr, std::uint32_t seed);

  /// Root of the mean squared error.
  double Rmse(const Table& table) const;

 private:
  using Hidden = std::array<float, kNumHidden>;
  float Predict(const std::array<float, kNumFeatures>& x, Hidden& hidden) const;

  std::array<float, kNumHidden * kNumFeatures> hidden_weight_{};
  Hidden hidden_bias_{};
  Hidden out_weight_{};
  float out_bias_ = 0;
};

}  // namespace tabular_regression
