// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "arrays/array_layout.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "strategy/weighted_mean.h"

namespace flwrcpp::internal {

/// The part of a train reply that becomes a part of the new model.
struct ArraysReply {
  std::uint64_t node_id = 0;
  ArrayRecord arrays;  ///< Shares the reply's data; let go as soon as it is not needed.
  double weight = 0;   ///< Of the reply, finite and not negative.
  const MetricRecord* metrics = nullptr;  ///< Valid during the call.
};

/// The arrays alone, in the same order.
std::vector<ArrayRecord> TakeArrays(std::vector<ArraysReply> replies);

/// What a round's replies gave.
struct ArraysOutcome {
  std::optional<ArrayRecord> arrays;  ///< Absent: the round leaves the model as it is.
  /// Positions in the order of Add of the replies whose metrics count. Absent: all. If they have no
  /// weight, the round leaves the model as it is.
  std::optional<std::vector<std::size_t>> chosen;
};

/// What the arrays of a round's replies become, reply by reply: where strategies differ. Not
/// thread-safe.
class ArraysAggregation {
 public:
  virtual ~ArraysAggregation() = default;

  /// All or nothing: an error makes the reply a failure of its node and leaves no trace.
  virtual Status Add(ArraysReply reply) = 0;

  /// Called once, last, and only after replies whose weights do not sum up to 0. An error ends the
  /// run.
  virtual StatusOr<ArraysOutcome> Finish() = 0;
};

/// The mean weighted by the replies' weights: what FedAvg does.
class MeanOfArrays : public ArraysAggregation {
 public:
  Status Add(ArraysReply reply) override;
  StatusOr<ArraysOutcome> Finish() override;

 private:
  WeightedArrayMean mean_;
};

/// The mean as FedAvg's, of real numbers, and then a step that makes the new model of it.
class MeanThenStep : public ArraysAggregation {
 public:
  using Step = std::function<StatusOr<ArrayRecord>(ArrayRecord mean)>;

  explicit MeanThenStep(Step step) : step_(std::move(step)) {}

  Status Add(ArraysReply reply) override;
  StatusOr<ArraysOutcome> Finish() override;

 private:
  WeightedArrayMean mean_;
  Step step_;
};

/// Keeps all replies, as many models as there are nodes, and combines them in the end.
///
/// The global model decides on keys and shapes and on the types of what comes out, not the first
/// reply: that may be the attacker's.
class KeptArrays : public ArraysAggregation {
 public:
  /// Makes one outcome of at least one reply, in the order of Add. Each has the keys of `layout` in
  /// its order, and their shapes; the arrays are real numbers of any type, and none is NaN.
  using Combine = std::function<StatusOr<ArraysOutcome>(const ArrayLayout& layout,
                                                        std::vector<ArraysReply> replies)>;

  /// @param layout of the global model; if that could not be read, each reply is a failure.
  KeptArrays(StatusOr<ArrayLayout> layout, Combine combine)
      : layout_(std::move(layout)), combine_(std::move(combine)) {}

  Status Add(ArraysReply reply) override;
  StatusOr<ArraysOutcome> Finish() override;

 private:
  StatusOr<ArrayLayout> layout_;
  Combine combine_;
  std::vector<ArraysReply> replies_;
};

}  // namespace flwrcpp::internal
