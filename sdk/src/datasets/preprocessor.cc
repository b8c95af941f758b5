// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/preprocessor.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;

std::vector<std::string> Names(const Splits& splits) {
  std::vector<std::string> names;
  for (const auto& [name, rows] : splits) names.push_back(name);
  return names;
}

StatusOr<const std::vector<SourceRow>*> FindSplit(const Splits& splits, const std::string& name) {
  const auto found = splits.find(name);
  if (found != splits.end()) return &found->second;
  return InvalidArgument("there is no split '{}'; the splits are: {}", name,
                         fmt::join(Names(splits), ", "));
}

/// @param where begins the text of errors.
Status CheckFractions(const std::vector<double>& fractions, const std::string& where) {
  for (const double fraction : fractions) {
    if (!(fraction > 0 && fraction <= 1)) {
      return InvalidArgument("{}: a fraction is {}, expected above 0 and at most 1", where,
                             fraction);
    }
  }
  const double sum = std::accumulate(fractions.begin(), fractions.end(), 0.0);
  if (sum > 1) {
    return InvalidArgument("{}: the fractions sum to {}, expected at most 1", where, sum);
  }
  return {};
}

std::size_t Share(std::size_t num_rows, double fraction) {
  return static_cast<std::size_t>(static_cast<double>(num_rows) * fraction);
}

Status CheckDivisions(const std::string& split, const std::vector<Division>& divisions) {
  std::vector<double> fractions;
  for (const Division& division : divisions) {
    if ((division.fraction != 0) == (division.samples != 0)) {
      return InvalidArgument(
          "the division of '{}' gives '{}' a fraction of {} and {} samples, expected one of them",
          split, division.name, division.fraction, division.samples);
    }
    if (division.samples == 0) fractions.push_back(division.fraction);
  }
  if (!fractions.empty() && fractions.size() != divisions.size()) {
    return InvalidArgument("the division of '{}' has fractions and numbers of samples", split);
  }
  return CheckFractions(fractions, "the division of '" + split + "'");
}

class Divider {
 public:
  explicit Divider(DividerOptions options) : options_(std::move(options)) {}

  StatusOr<Splits> operator()(Splits splits) const {
    Splits divided;
    for (const auto& [name, divisions] : options_.divide_config) {
      FLWRCPP_ASSIGN_OR_RETURN(const std::vector<SourceRow>* const rows, FindSplit(splits, name));
      FLWRCPP_RETURN_IF_ERROR(Divide(name, divisions, *rows, divided));
    }
    if (options_.drop_remaining_splits) return divided;
    for (auto& [name, rows] : splits) {
      if (options_.divide_config.contains(name)) continue;
      if (!divided.emplace(name, std::move(rows)).second) {
        return InvalidArgument(
            "the new split '{}' has the name of one that remains: divide that, drop the "
            "remaining splits, or take another name",
            name);
      }
    }
    return divided;
  }

 private:
  static Status Divide(const std::string& split, const std::vector<Division>& divisions,
                       const std::vector<SourceRow>& rows, Splits& divided) {
    std::size_t begin = 0;
    for (const Division& division : divisions) {
      const std::size_t size =
          division.samples > 0 ? division.samples : Share(rows.size(), division.fraction);
      if (size > rows.size() - begin) {
        return InvalidArgument("'{}' has {} rows, too few for {} in '{}' after {} before it", split,
                               rows.size(), size, division.name, begin);
      }
      if (size == 0) {
        return InvalidArgument("the new split '{}' would be empty: {} of the {} rows of '{}'",
                               division.name, division.fraction, rows.size(), split);
      }
      const auto first = rows.begin() + static_cast<std::ptrdiff_t>(begin);
      divided[division.name].assign(first, first + static_cast<std::ptrdiff_t>(size));
      begin += size;
    }
    return {};
  }

  DividerOptions options_;
};

}  // namespace

StatusOr<Preprocessor> MakeDivider(const DividerOptions& options) {
  std::set<std::string> names;
  for (const auto& [split, divisions] : options.divide_config) {
    FLWRCPP_RETURN_IF_ERROR(CheckDivisions(split, divisions));
    for (const Division& division : divisions) {
      if (!names.insert(division.name).second) {
        return InvalidArgument("there are two new splits called '{}'", division.name);
      }
    }
  }
  return Preprocessor(Divider(options));
}

StatusOr<Preprocessor> MakeMerger(
    const std::map<std::string, std::vector<std::string>>& merge_config) {
  for (const auto& [name, parts] : merge_config) {
    if (parts.empty()) return InvalidArgument("the new split '{}' is made of no split", name);
  }
  return Preprocessor([merge_config](const Splits& splits) -> StatusOr<Splits> {
    Splits merged;
    for (const auto& [name, parts] : merge_config) {
      std::vector<SourceRow>& all = merged[name];
      for (const std::string& part : parts) {
        FLWRCPP_ASSIGN_OR_RETURN(const std::vector<SourceRow>* const rows, FindSplit(splits, part));
        all.insert(all.end(), rows->begin(), rows->end());
      }
    }
    return merged;
  });
}

StatusOr<std::vector<std::size_t>> DivisionSizes(std::size_t num_rows,
                                                 const std::vector<double>& fractions) {
  FLWRCPP_RETURN_IF_ERROR(CheckFractions(fractions, "the division"));
  std::vector<std::size_t> sizes;
  sizes.reserve(fractions.size());
  for (const double fraction : fractions) sizes.push_back(Share(num_rows, fraction));
  return sizes;
}

StatusOr<std::vector<Table>> DivideDataset(const Table& table,
                                           const std::vector<double>& fractions) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::size_t> sizes,
                           DivisionSizes(table.num_rows(), fractions));
  std::vector<Table> pieces;
  std::size_t begin = 0;
  for (const std::size_t size : sizes) {
    std::vector<std::size_t> rows(size);
    std::iota(rows.begin(), rows.end(), begin);
    FLWRCPP_ASSIGN_OR_RETURN(Table piece, table.Select(rows));
    pieces.push_back(std::move(piece));
    begin += size;
  }
  return pieces;
}

}  // namespace flwrcpp::datasets
