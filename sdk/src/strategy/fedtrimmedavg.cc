// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedtrimmedavg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/element_rows.h"
#include "strategy/kept_replies.h"

namespace flwrcpp {
namespace {

StatusOr<internal::ArraysOutcome> Combine(double beta, const internal::ArrayLayout& layout,
                                          std::vector<internal::ArraysReply> replies) {
  const std::size_t cut = static_cast<std::size_t>(beta * static_cast<double>(replies.size()));
  const auto trimmed_mean = [cut](auto& rows, std::size_t count, auto* out) {
    internal::SortRows(rows, count);
    internal::MeanOfRows(rows, cut, rows.size() - cut, count, out);
  };
  internal::ArraysOutcome outcome;
  FLWRCPP_ASSIGN_OR_RETURN(
      outcome.arrays,
      internal::CombineElements(layout, internal::TakeArrays(std::move(replies)), trimmed_mean));
  return outcome;
}

}  // namespace

StatusOr<std::unique_ptr<FedTrimmedAvg>> FedTrimmedAvg::Create(FedTrimmedAvgOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedTrimmedAvg", options));
  if (!(options.beta >= 0 && options.beta < 0.5)) {
    return internal::InvalidArgument("FedTrimmedAvg: beta is {}, expected at least 0 and below 0.5",
                                     options.beta);
  }
  return std::unique_ptr<FedTrimmedAvg>(new FedTrimmedAvg(std::move(options)));
}

FedTrimmedAvg::FedTrimmedAvg(FedTrimmedAvgOptions options) : FedAvg(options), beta_(options.beta) {}

std::unique_ptr<Aggregator> FedTrimmedAvg::AggregateTrain(int /*server_round*/) {
  return internal::KeepReplies(options(), TakeGlobalArrays(),
                               [beta = beta_](const internal::ArrayLayout& layout,
                                              std::vector<internal::ArraysReply> replies) {
                                 return Combine(beta, layout, std::move(replies));
                               });
}

std::vector<std::string> FedTrimmedAvg::Summary() const {
  std::vector<std::string> lines = {fmt::format("FedTrimmedAvg: beta {}", beta_)};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
