// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/dirichlet_partitioners.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "datasets/partitioning.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::NumRows;
using internal::Random;

/// Flower's number of draws before it gives up on `min_partition_size`.
constexpr int kMaxDraws = 11;

/// Shares of classes that the inner Dirichlet partitioner holds at most: 1 GiB of them.
constexpr std::size_t kMaxShares = std::size_t{1} << 27;

Status CheckAlpha(const DirichletAlpha& alpha) {
  const auto check = [](double value) -> Status {
    if (value > 0 && std::isfinite(value)) return absl::OkStatus();
    return InvalidArgument("alpha is {}, expected a finite number above 0", value);
  };
  if (const auto* const one = std::get_if<double>(&alpha)) return check(*one);
  for (const double value : std::get<std::vector<double>>(alpha)) {
    FLWRCPP_RETURN_IF_ERROR(check(value));
  }
  return absl::OkStatus();
}

/// @param of what the alphas are of
StatusOr<std::vector<double>> AlphaOfEach(const DirichletAlpha& alpha, std::size_t size,
                                          const char* of) {
  if (const auto* const one = std::get_if<double>(&alpha)) return std::vector(size, *one);
  const auto& all = std::get<std::vector<double>>(alpha);
  if (all.size() == size) return all;
  return InvalidArgument("alpha has {} values, expected one for each of {} {}", all.size(), size,
                         of);
}

Status ProportionsAreLost() {
  return InvalidArgument(
      "the proportions of a Dirichlet distribution cannot be told apart from 0: take less extreme "
      "values of alpha");
}

/// Takes the partitions out that have more than their even share already.
void Balance(const Partitions& partitions, double even_share, std::vector<double>& proportions) {
  for (std::size_t i = 0; i < proportions.size(); ++i) {
    if (static_cast<double>(partitions[i].size()) > even_share) proportions[i] = 0;
  }
  const double sum = std::accumulate(proportions.begin(), proportions.end(), 0.0);
  for (double& proportion : proportions) proportion /= sum;
}

/// Appends the rows of one class to the partitions.
Status Deal(std::span<const std::size_t> rows, const std::vector<double>& proportions,
            Partitions& partitions) {
  double cumulated = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    cumulated += proportions[i];
    if (!std::isfinite(cumulated)) return ProportionsAreLost();
    std::size_t end = rows.size();
    if (i + 1 < partitions.size()) {
      const double place = cumulated * static_cast<double>(rows.size());
      end = std::clamp(static_cast<std::size_t>(place), start, rows.size());
    }
    internal::Append(rows.subspan(start, end - start), partitions[i]);
    start = end;
  }
  return absl::OkStatus();
}

StatusOr<Partitions> DivideDirichlet(const DirichletPartitionerOptions& options,
                                     const ColumnView& column) {
  const std::size_t num_rows = NumRows(column);
  const std::size_t num_partitions = options.num_partitions;
  const std::size_t least = options.min_partition_size;
  FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(num_partitions, num_rows));
  if (least > num_rows / num_partitions) {
    return InvalidArgument("{} samples cannot be divided into {} partitions of at least {}",
                           num_rows, num_partitions, least);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const Partitions classes, internal::FindClasses(column));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<double> alpha,
                           AlphaOfEach(options.alpha, num_partitions, "partitions"));
  const double even_share = static_cast<double>(num_rows) / static_cast<double>(num_partitions);
  Random random(options.seed);
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    Partitions partitions(num_partitions);
    for (const auto& rows : classes) {
      std::vector<double> proportions = random.Dirichlet(alpha);
      if (options.self_balancing) Balance(partitions, even_share, proportions);
      FLWRCPP_RETURN_IF_ERROR(Deal(rows, proportions, partitions));
    }
    const auto too_small = [least](const auto& partition) { return partition.size() < least; };
    if (std::none_of(partitions.begin(), partitions.end(), too_small)) {
      if (options.shuffle) internal::ShuffleEach(partitions, random);
      return partitions;
    }
  }
  return InvalidArgument(
      "Dirichlet partitioning of {} samples into {} left a partition with fewer than {} samples in "
      "each of {} draws: take a larger alpha, a smaller min_partition_size or fewer partitions",
      num_rows, num_partitions, least, kMaxDraws);
}

/// Shares of classes of every partition of the inner Dirichlet partitioner.
class ClassShares {
 public:
  ClassShares(std::size_t num_partitions, std::span<const double> alpha, Random& random) {
    shares_.reserve(num_partitions);
    for (std::size_t i = 0; i < num_partitions; ++i) shares_.push_back(random.Dirichlet(alpha));
  }

  const std::vector<double>& operator[](std::size_t partition) const { return shares_[partition]; }

  /// Divides the share of a class among the others.
  void Remove(std::size_t one_class) {
    for (auto& shares : shares_) {
      shares[one_class] = 0;
      const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
      for (double& share : shares) share /= sum;
    }
  }

 private:
  std::vector<std::vector<double>> shares_;
};

StatusOr<Partitions> DivideInnerDirichlet(const InnerDirichletPartitionerOptions& options,
                                          const ColumnView& column) {
  const std::vector<std::size_t>& sizes = options.partition_sizes;
  FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(sizes.size(), NumRows(column)));
  std::size_t unclaimed = NumRows(column);
  for (const std::size_t size : sizes) {
    if (size > unclaimed) {
      return InvalidArgument("the partition sizes sum to more than the {} samples there are",
                             NumRows(column));
    }
    unclaimed -= size;
  }
  FLWRCPP_ASSIGN_OR_RETURN(Partitions classes, internal::FindClasses(column));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<double> alpha,
                           AlphaOfEach(options.alpha, classes.size(), "classes"));
  if (sizes.size() > kMaxShares / classes.size()) {
    return InvalidArgument("{} partitions of {} classes are too many for a distribution of each",
                           sizes.size(), classes.size());
  }

  Random random(options.seed);
  ClassShares shares(sizes.size(), alpha, random);
  Partitions partitions(sizes.size());
  std::vector<std::size_t> left = sizes;  // A partition is filled from its end.
  for (std::size_t i = 0; i < sizes.size(); ++i) partitions[i].resize(sizes[i]);
  std::vector<std::size_t> not_full = internal::Range(0, sizes.size());
  std::size_t rows_left = NumRows(column) - unclaimed;
  while (rows_left > 0) {
    const auto chosen = static_cast<std::ptrdiff_t>(random.Below(not_full.size()));
    const std::size_t partition = not_full[static_cast<std::size_t>(chosen)];
    if (left[partition] == 0) {
      not_full.erase(not_full.begin() + chosen);
      continue;
    }
    while (true) {
      const std::vector<double>& own = shares[partition];
      if (!std::isfinite(std::accumulate(own.begin(), own.end(), 0.0))) return ProportionsAreLost();
      const std::size_t one_class = random.Choice(own);
      if (classes[one_class].empty()) {
        shares.Remove(one_class);
        continue;
      }
      partitions[partition][--left[partition]] = classes[one_class].back();
      classes[one_class].pop_back();
      --rows_left;
      break;
    }
  }
  if (options.shuffle) internal::ShuffleEach(partitions, random);
  return partitions;
}

}  // namespace

StatusOr<std::unique_ptr<Partitioner>> MakeDirichletPartitioner(
    DirichletPartitionerOptions options) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumPartitions(options.num_partitions));
  FLWRCPP_RETURN_IF_ERROR(CheckAlpha(options.alpha));
  if (const auto* const alphas = std::get_if<std::vector<double>>(&options.alpha)) {
    if (alphas->size() != options.num_partitions) {
      return AlphaOfEach(options.alpha, options.num_partitions, "partitions").status();
    }
  }
  return internal::PartitionerOf([options = std::move(options)](const ColumnView& column) {
    return DivideDirichlet(options, column);
  });
}

StatusOr<std::unique_ptr<Partitioner>> MakeInnerDirichletPartitioner(
    InnerDirichletPartitionerOptions options) {
  if (options.partition_sizes.empty()) {
    return InvalidArgument("partition_sizes is empty, expected one size or more");
  }
  FLWRCPP_RETURN_IF_ERROR(CheckAlpha(options.alpha));
  return internal::PartitionerOf([options = std::move(options)](const ColumnView& column) {
    return DivideInnerDirichlet(options, column);
  });
}

}  // namespace flwrcpp::datasets
