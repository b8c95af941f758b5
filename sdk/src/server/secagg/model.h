// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flwrcpp/message.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "secagg/masked_arrays.h"
#include "secagg/quantization.h"

namespace flwrcpp::internal::secagg {

/// The arrays of a strategy's instruction as masked numbers see them: names, shapes, types.
class Model {
 public:
  /// @return `kInvalidArgument` for an array that is damaged.
  static StatusOr<Model> Of(const ArrayRecord& arrays);

  /// The masked numbers of a node.
  /// @return `kInvalidArgument` unless `files` are `.npy` of int64: the weight, then one in the
  /// shape
  ///   of each array.
  StatusOr<MaskedArrays> Read(const std::vector<ByteString>& files) const;

  /// The arrays that the unmasked sum of all nodes stands for.
  /// @return `kResourceExhausted` without memory.
  StatusOr<ArrayRecord> Write(const MaskedArrays& sum, const Dequantizer& dequantize) const;

 private:
  struct Item {
    std::string name;
    std::vector<std::int64_t> shape;
    std::string dtype;  ///< Of the result.
  };
  std::vector<Item> items_;
};

/// A strategy's instruction for training as a node with `SecAggPlusMod` wants it, in classic
/// records.
/// @return `kInvalidArgument` unless it has exactly one ArrayRecord and one ConfigRecord.
StatusOr<RecordDict> ToFitIns(const RecordDict& instruction);

/// What a node says in the clear in its answer to the third stage.
struct FitRes {
  std::int64_t num_examples = 0;
  MetricRecord metrics;  ///< The numbers among what it measured, and `num-examples`.
};

/// @return `kInvalidArgument` naming the record that is missing or damaged, or with the words of a
///   node that did not train.
StatusOr<FitRes> ReadFitRes(const RecordDict& content);

}  // namespace flwrcpp::internal::secagg
