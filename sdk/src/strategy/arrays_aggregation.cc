// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/arrays_aggregation.h"

#include <array>

#include "arrays/real_array.h"
#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

/// @return `kInvalidArgument` if one of the elements is NaN.
Status CheckOrdered(const std::string& key, const Array& array) {
  FLWRCPP_ASSIGN_OR_RETURN(const RealReader reader, RealReader::Open(array));
  const bool ordered = WithWorkType(reader.result_descr(), [&]<typename T>() {
    std::array<T, kBlockElements> block;
    int unordered = 0;
    ForEachBlock(reader.count(), [&](std::size_t begin, std::size_t count) {
      reader.Read(begin, std::span(block).first(count));
      for (std::size_t i = 0; i < count; ++i) unordered |= static_cast<int>(block[i] != block[i]);
    });
    return unordered == 0;
  });
  if (ordered) return absl::OkStatus();
  return InvalidArgument("array '{}' holds NaN, which is neither smaller nor larger than others",
                         key);
}

}  // namespace

std::vector<ArrayRecord> TakeArrays(std::vector<ArraysReply> replies) {
  std::vector<ArrayRecord> arrays;
  arrays.reserve(replies.size());
  for (ArraysReply& reply : replies) arrays.push_back(std::move(reply.arrays));
  return arrays;
}

Status MeanOfArrays::Add(ArraysReply reply) {
  return mean_.Add(reply.node_id, std::move(reply.arrays), reply.weight);
}

StatusOr<ArraysOutcome> MeanOfArrays::Finish() {
  ArraysOutcome outcome;
  FLWRCPP_ASSIGN_OR_RETURN(outcome.arrays, mean_.Finish());
  return outcome;
}

Status MeanThenStep::Add(ArraysReply reply) {
  FLWRCPP_RETURN_IF_ERROR(CheckReal(reply.arrays));
  return mean_.Add(reply.node_id, std::move(reply.arrays), reply.weight);
}

StatusOr<ArraysOutcome> MeanThenStep::Finish() {
  FLWRCPP_ASSIGN_OR_RETURN(ArrayRecord mean, mean_.Finish());
  ArraysOutcome outcome;
  FLWRCPP_ASSIGN_OR_RETURN(outcome.arrays, CatchExceptions("the strategy's step",
                                                           [&] { return step_(std::move(mean)); }));
  return outcome;
}

Status KeptArrays::Add(ArraysReply reply) {
  FLWRCPP_RETURN_IF_ERROR(layout_.status());
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<OpenedArray> opened, layout_->Open(reply.arrays));
  FLWRCPP_RETURN_IF_ERROR(CheckReal(reply.arrays));
  ArrayRecord in_order;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const std::string& key = layout_->items()[i].key;
    FLWRCPP_RETURN_IF_ERROR(CheckOrdered(key, *opened[i].array));
    in_order.Set(key, *opened[i].array);
  }
  reply.arrays = std::move(in_order);
  reply.metrics = nullptr;
  replies_.push_back(std::move(reply));
  return absl::OkStatus();
}

StatusOr<ArraysOutcome> KeptArrays::Finish() { return combine_(*layout_, std::move(replies_)); }

}  // namespace flwrcpp::internal
