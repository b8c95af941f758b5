// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "regressor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <utility>

namespace tabular_regression {
namespace {

/// A number from 0 to 1. The distributions of the standard library differ between platforms.
float Uniform(std::mt19937& random) {
  return static_cast<float>(random() >> 8U) / static_cast<float>(1U << 24U);
}

float PowerDraw(const std::array<float, kNumFeatures>& x) {
  const auto [speed, load, temperature, age] = x;
  return 0.8F * speed * load + 0.3F * std::sin(3.0F * temperature) + 0.2F * age * age - 0.4F;
}

/// An array of the record as numbers; it must have exactly as many as `out`.
template <std::size_t N>
flwrcpp::Status Read(const flwrcpp::ArrayRecord& arrays, const std::string& name,
                     std::array<float, N>& out) {
  const flwrcpp::Array* array = arrays.Find(name);
  if (array == nullptr) return {flwrcpp::StatusCode::kInvalidArgument, "there is no array " + name};
  const auto values = array->ToVector<float>();
  if (!values.ok()) return values.status();
  if (values->size() != N) {
    return {flwrcpp::StatusCode::kInvalidArgument, name + " has " + std::to_string(values->size()) +
                                                       " numbers, expected " + std::to_string(N)};
  }
  std::copy(values->begin(), values->end(), out.begin());
  return {};
}

}  // namespace

Table Measure(std::size_t site, std::size_t num_sites, std::size_t rows, std::uint32_t seed) {
  std::mt19937 random(seed);
  Table table;
  for (std::size_t i = 0; i < rows; ++i) {
    std::array<float, kNumFeatures> x{};
    for (float& feature : x) feature = 2.0F * Uniform(random) - 1.0F;
    if (site < num_sites && num_sites > 1) {
      // Half of the range of speeds: the first site has the lower one, the last the upper.
      const float from = static_cast<float>(site) / static_cast<float>(num_sites - 1);
      x[0] = -1.0F + from + Uniform(random);
    }
    const float noise = 0.02F * (2.0F * Uniform(random) - 1.0F);
    table.features.push_back(x);
    table.targets.push_back(PowerDraw(x) + noise);
  }
  return table;
}

Regressor::Regressor(std::uint32_t seed) {
  std::mt19937 random(seed);
  for (float& weight : hidden_weight_) weight = Uniform(random) - 0.5F;
  for (float& weight : out_weight_) weight = 0.5F * (Uniform(random) - 0.5F);
}

flwrcpp::StatusOr<flwrcpp::ArrayRecord> Regressor::Parameters() const {
  flwrcpp::ArrayRecord arrays;
  const auto add = [&](const char* name, std::span<const float> values,
                       std::vector<std::int64_t> shape) -> flwrcpp::Status {
    auto array = flwrcpp::Array::From(values, std::move(shape));
    if (array.ok()) arrays.Set(name, *std::move(array));
    return array.status();
  };
  flwrcpp::Status status = add("hidden.weight", hidden_weight_, {kNumHidden, kNumFeatures});
  if (status.ok()) status = add("hidden.bias", hidden_bias_, {kNumHidden});
  if (status.ok()) status = add("out.weight", out_weight_, {kNumHidden});
  if (status.ok()) status = add("out.bias", {&out_bias_, 1}, {});
  if (!status.ok()) return status;
  return arrays;
}

flwrcpp::Status Regressor::SetParameters(const flwrcpp::ArrayRecord& arrays) {
  Regressor next = *this;
  std::array<float, 1> bias{};
  flwrcpp::Status status = Read(arrays, "hidden.weight", next.hidden_weight_);
  if (status.ok()) status = Read(arrays, "hidden.bias", next.hidden_bias_);
  if (status.ok()) status = Read(arrays, "out.weight", next.out_weight_);
  if (status.ok()) status = Read(arrays, "out.bias", bias);
  if (!status.ok()) return status;
  next.out_bias_ = bias[0];
  *this = next;
  return status;
}

float Regressor::Predict(const std::array<float, kNumFeatures>& x, Hidden& hidden) const {
  float prediction = out_bias_;
  for (std::size_t h = 0; h < kNumHidden; ++h) {
    float sum = hidden_bias_[h];
    for (std::size_t f = 0; f < kNumFeatures; ++f) {
      sum += hidden_weight_[h * kNumFeatures + f] * x[f];
    }
    hidden[h] = std::tanh(sum);
    prediction += out_weight_[h] * hidden[h];
  }
  return prediction;
}

void Regressor::Train(const Table& table, int epochs, float lr, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::size_t> order(table.size());
  std::iota(order.begin(), order.end(), 0);
  Hidden hidden{};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (std::size_t left = order.size(); left > 1; --left) {
      std::swap(order[left - 1], order[random() % left]);
    }
    for (const std::size_t row : order) {
      const auto& x = table.features[row];
      const float error = Predict(x, hidden) - table.targets[row];
      for (std::size_t h = 0; h < kNumHidden; ++h) {
        const float slope = error * out_weight_[h] * (1.0F - hidden[h] * hidden[h]);
        out_weight_[h] -= lr * error * hidden[h];
        hidden_bias_[h] -= lr * slope;
        for (std::size_t f = 0; f < kNumFeatures; ++f) {
          hidden_weight_[h * kNumFeatures + f] -= lr * slope * x[f];
        }
      }
      out_bias_ -= lr * error;
    }
  }
}

double Regressor::Rmse(const Table& table) const {
  double sum = 0;
  Hidden hidden{};
  for (std::size_t row = 0; row < table.size(); ++row) {
    const double error = Predict(table.features[row], hidden) - table.targets[row];
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(table.size()));
}

}  // namespace tabular_regression
