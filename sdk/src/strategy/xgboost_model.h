// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A model of XGBoost, read from its JSON text: trees that can be added to and taken from.
/// (https://xgboost.readthedocs.io, "Introduction to Model IO")
class XgboostModel {
 public:
  /// @return `kInvalidArgument` saying what is missing or wrong.
  static StatusOr<XgboostModel> Parse(std::string_view text);

  /// Adds the first `num_parallel_tree` trees of `other`, as one more iteration.
  void AppendIteration(XgboostModel other);

  std::string Text() const { return json_.dump(); }

 private:
  /// The order of keys is kept, as everything that is not known here.
  using Json = nlohmann::ordered_json;

  XgboostModel(Json json, std::int64_t num_parallel_tree)
      : json_(std::move(json)), num_parallel_tree_(num_parallel_tree) {}

  Json& Model() { return json_["learner"]["gradient_booster"]["model"]; }

  Json json_;
  std::int64_t num_parallel_tree_ = 1;
};

}  // namespace flwrcpp::internal
