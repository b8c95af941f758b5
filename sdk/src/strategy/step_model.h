// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "arrays/real_array.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {

/// Checks that what a strategy kept beside the model has the model's keys and shapes; an empty
/// record fits every model.
/// @return `kInvalidArgument` naming `what` and the array.
Status CheckFits(const char* what, ArrayRecord kept, const ArrayRecord& model);

/// What one array becomes in a step; see StepModel.
template <std::size_t kMoments>
struct SteppedArray {
  Array array;
  std::array<Array, kMoments> moments;
};

template <std::size_t kMoments, typename Kernel>
StatusOr<SteppedArray<kMoments>> StepArray(const Array& global, const Array& mean,
                                           const std::array<const Array*, kMoments>& moments,
                                           const Kernel& kernel) {
  FLWRCPP_ASSIGN_OR_RETURN(const RealReader global_reader, RealReader::Open(global));
  FLWRCPP_ASSIGN_OR_RETURN(const RealReader mean_reader, RealReader::Open(mean));
  const std::string& descr = mean_reader.result_descr();
  FLWRCPP_ASSIGN_OR_RETURN(RealWriter writer, RealWriter::Allocate(descr, mean_reader.shape()));
  std::vector<std::optional<RealReader>> moment_readers(kMoments);
  std::vector<RealWriter> moment_writers;
  for (std::size_t m = 0; m < kMoments; ++m) {
    if (moments[m] != nullptr) {
      FLWRCPP_ASSIGN_OR_RETURN(moment_readers[m], RealReader::Open(*moments[m]));
    }
    FLWRCPP_ASSIGN_OR_RETURN(
        RealWriter moment_writer,
        RealWriter::Allocate(descr == "<f8" ? "<f8" : "<f4", mean_reader.shape()));
    moment_writers.push_back(std::move(moment_writer));
  }
  WithWorkType(descr, [&]<typename T>() {
    std::array<T, kBlockElements> global_block;
    std::array<T, kBlockElements> block;
    std::array<std::array<T, kBlockElements>, kMoments> moment_blocks;
    ForEachBlock(mean_reader.count(), [&](std::size_t begin, std::size_t count) {
      global_reader.Read(begin, std::span(global_block).first(count));
      mean_reader.Read(begin, std::span(block).first(count));
      for (std::size_t m = 0; m != kMoments; ++m) {
        const auto moment = std::span(moment_blocks[m]).first(count);
        if (moment_readers[m].has_value()) {
          moment_readers[m]->Read(begin, moment);
        } else {
          std::fill(moment.begin(), moment.end(), T{0});
        }
      }
      kernel(global_block.data(), block.data(), moment_blocks, count);
      writer.Write(begin, std::span<const T>(block).first(count));
      for (std::size_t m = 0; m != kMoments; ++m) {
        moment_writers[m].Write(begin, std::span<const T>(moment_blocks[m]).first(count));
      }
    });
  });
  SteppedArray<kMoments> stepped;
  FLWRCPP_ASSIGN_OR_RETURN(stepped.array, writer.Finish());
  for (std::size_t m = 0; m < kMoments; ++m) {
    FLWRCPP_ASSIGN_OR_RETURN(stepped.moments[m], moment_writers[m].Finish());
  }
  return stepped;
}

/// Goes through a model block by block: `kernel(const T* global, T* mean, moments, count)` makes
/// new elements of the old ones in place, in `mean` those of the new model, in `moments` (arrays of
/// T) those of what the strategy keeps beside it. T is float, or double for float64 arrays. An
/// empty moment counts as zeros. The new model has the order of `global`, whatever that of the
/// replies was. Arrays of `mean` are let go one by one; after an error the moments are what they
/// were.
/// @return `kInvalidArgument` when a moment does not fit the model, `kResourceExhausted` without
///   memory.
template <std::size_t kMoments, typename Kernel>
StatusOr<ArrayRecord> StepModel(const ArrayRecord& global, ArrayRecord mean,
                                const std::array<ArrayRecord*, kMoments>& moments,
                                const Kernel& kernel) {
  FLWRCPP_RETURN_IF_ERROR(CheckFits("the mean", mean, global));
  for (const ArrayRecord* const moment : moments) {
    FLWRCPP_RETURN_IF_ERROR(CheckFits("what was kept from earlier rounds", *moment, mean));
  }
  ArrayRecord model;
  std::array<ArrayRecord, kMoments> new_moments;
  for (const auto& [key, global_array] : global) {
    const Array mean_array = std::exchange(*mean.Find(key), Array());
    std::array<const Array*, kMoments> old_moments;
    for (std::size_t m = 0; m < kMoments; ++m) old_moments[m] = moments[m]->Find(key);
    StatusOr<SteppedArray<kMoments>> stepped =
        StepArray(global_array, mean_array, old_moments, kernel);
    if (!stepped.ok()) return Annotate(stepped.status(), "array '" + key + "'");
    model.Set(key, std::move(stepped->array));
    for (std::size_t m = 0; m < kMoments; ++m) {
      new_moments[m].Set(key, std::move(stepped->moments[m]));
    }
  }
  for (std::size_t m = 0; m < kMoments; ++m) *moments[m] = std::move(new_moments[m]);
  return model;
}

}  // namespace flwrcpp::internal
