// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "strategy/arrays_aggregation.h"
#include "strategy/weighted_mean.h"

namespace flwrcpp::internal {

/// The mean of updates, each relative to the model that its node was given, and the step that makes
/// a new model of it. See FedBuff.
class UpdateBuffer : public ArraysAggregation {
 public:
  struct Options {
    double learning_rate = 1;
    bool weight_by_examples = false;
  };

  UpdateBuffer(Options options, ArrayRecord global)
      : options_(options), global_(std::move(global)) {}

  /// Says what the next reply was trained from, and the factor of its update.
  void SetOrigin(ArrayRecord base, double scale) {
    base_ = std::move(base);
    scale_ = scale;
  }

  Status Add(ArraysReply reply) override;
  StatusOr<ArraysOutcome> Finish() override;

  /// Updates that were added.
  int size() const { return size_; }

 private:
  Options options_;
  ArrayRecord global_;
  ArrayRecord base_;
  double scale_ = 1;
  WeightedArrayMean mean_;
  int size_ = 0;
};

}  // namespace flwrcpp::internal
