// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedmedian.h"

#include <utility>

#include "internal/status_macros.h"
#include "strategy/element_rows.h"
#include "strategy/kept_replies.h"

namespace flwrcpp {
namespace {

StatusOr<internal::ArraysOutcome> Combine(const internal::ArrayLayout& layout,
                                          std::vector<internal::ArraysReply> replies) {
  const auto median = [](auto& rows, std::size_t count, auto* out) {
    internal::SortRows(rows, count);
    internal::MedianOfSorted(rows, count, out);
  };
  internal::ArraysOutcome outcome;
  FLWRCPP_ASSIGN_OR_RETURN(
      outcome.arrays,
      internal::CombineElements(layout, internal::TakeArrays(std::move(replies)), median));
  return outcome;
}

}  // namespace

StatusOr<std::unique_ptr<FedMedian>> FedMedian::Create(FedAvgOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedMedian", options));
  return std::unique_ptr<FedMedian>(new FedMedian(std::move(options)));
}

std::unique_ptr<Aggregator> FedMedian::AggregateTrain(int /*server_round*/) {
  return internal::KeepReplies(options(), TakeGlobalArrays(), Combine);
}

std::vector<std::string> FedMedian::Summary() const {
  std::vector<std::string> lines = {"FedMedian"};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
