// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/partitioner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "datasets/random.h"
#include "internal/errors.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::Random;

/// Draws of the Dirichlet partitioner before it gives up on its minimal size.
constexpr int kMaxDraws = 100;

/// Beyond these, proportions are all or nothing, or equal; and doubles overflow.
constexpr double kMinAlpha = 1e-6;
constexpr double kMaxAlpha = 1e6;

std::vector<std::size_t> Iota(std::size_t size) {
  std::vector<std::size_t> indices(size);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

/// Cuts `indices` into `parts` pieces whose sizes differ by one at most, the longer ones first.
Partitions Cut(std::span<const std::size_t> indices, std::size_t parts) {
  Partitions partitions(parts);
  const std::size_t size = indices.size() / parts;
  const std::size_t longer = indices.size() % parts;
  std::size_t start = 0;
  for (std::size_t i = 0; i < parts; ++i) {
    const auto piece = indices.subspan(start, size + (i < longer ? 1 : 0));
    partitions[i].assign(piece.begin(), piece.end());
    start += piece.size();
  }
  return partitions;
}

/// Positions of the samples of each class, in their order.
Partitions ByLabel(std::span<const std::uint8_t> labels) {
  Partitions classes;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= classes.size()) classes.resize(labels[i] + std::size_t{1});
    classes[labels[i]].push_back(i);
  }
  return classes;
}

/// What the partitioners have in common: checks before and the limit after.
class BasePartitioner : public Partitioner {
 public:
  explicit BasePartitioner(const PartitionerOptions& options) : options_(options) {}

  std::size_t num_partitions() const override { return options_.num_partitions; }

  StatusOr<Partitions> Partition(std::span<const std::uint8_t> labels) const override {
    if (labels.size() < options_.num_partitions) {
      return InvalidArgument("{} samples cannot be divided into {} partitions", labels.size(),
                             options_.num_partitions);
    }
    StatusOr<Partitions> partitions = Divide(labels);
    if (partitions.ok() && options_.samples_per_partition > 0) {
      for (auto& partition : *partitions) {
        partition.resize(std::min(partition.size(), options_.samples_per_partition));
        partition.shrink_to_fit();
      }
    }
    return partitions;
  }

 protected:
  /// `labels` are at least as many as there are partitions.
  virtual StatusOr<Partitions> Divide(std::span<const std::uint8_t> labels) const = 0;

  const PartitionerOptions& options() const { return options_; }

 private:
  PartitionerOptions options_;
};

class IidPartitioner final : public BasePartitioner {
 public:
  using BasePartitioner::BasePartitioner;

 private:
  StatusOr<Partitions> Divide(std::span<const std::uint8_t> labels) const override {
    return Cut(Permutation(labels.size(), options().seed), num_partitions());
  }
};

class ContiguousPartitioner final : public BasePartitioner {
 public:
  using BasePartitioner::BasePartitioner;

 private:
  StatusOr<Partitions> Divide(std::span<const std::uint8_t> labels) const override {
    const std::vector<std::size_t> indices = Iota(labels.size());
    const std::size_t block = options().samples_per_partition;
    if (block == 0) return Cut(indices, num_partitions());
    if (block > indices.size() / num_partitions()) {
      return InvalidArgument("{} partitions of {} samples are more than the {} samples there are",
                             num_partitions(), block, indices.size());
    }
    return Cut(std::span(indices).first(block * num_partitions()), num_partitions());
  }
};

class ShardPartitioner final : public BasePartitioner {
 public:
  using BasePartitioner::BasePartitioner;

 private:
  StatusOr<Partitions> Divide(std::span<const std::uint8_t> labels) const override {
    const std::size_t per_partition = options().shards_per_partition;
    if (per_partition > labels.size() / num_partitions()) {
      return InvalidArgument("{} samples cannot be divided into {} partitions of {} shards",
                             labels.size(), num_partitions(), per_partition);
    }
    Random random(options().seed);
    std::vector<std::size_t> sorted;
    sorted.reserve(labels.size());
    for (auto& one_class : ByLabel(labels)) {
      random.Shuffle(std::span(one_class));
      sorted.insert(sorted.end(), one_class.begin(), one_class.end());
    }
    Partitions shards = Cut(sorted, num_partitions() * per_partition);
    random.Shuffle(std::span(shards));

    Partitions partitions(num_partitions());
    for (std::size_t i = 0; i < shards.size(); ++i) {
      auto& partition = partitions[i / per_partition];
      partition.insert(partition.end(), shards[i].begin(), shards[i].end());
    }
    for (auto& partition : partitions) random.Shuffle(std::span(partition));
    return partitions;
  }
};

class DirichletPartitioner final : public BasePartitioner {
 public:
  using BasePartitioner::BasePartitioner;

 private:
  StatusOr<Partitions> Divide(std::span<const std::uint8_t> labels) const override {
    const std::size_t least = options().min_partition_size;
    if (least > labels.size() / num_partitions()) {
      return InvalidArgument("{} samples cannot be divided into {} partitions of at least {}",
                             labels.size(), num_partitions(), least);
    }
    Random random(options().seed);
    Partitions classes = ByLabel(labels);
    for (auto& one_class : classes) random.Shuffle(std::span(one_class));

    for (int draw = 0; draw < kMaxDraws; ++draw) {
      Partitions partitions(num_partitions());
      for (const auto& one_class : classes) Deal(one_class, random, partitions);
      const auto too_small = [least](const auto& partition) { return partition.size() < least; };
      if (std::none_of(partitions.begin(), partitions.end(), too_small)) {
        for (auto& partition : partitions) random.Shuffle(std::span(partition));
        return partitions;
      }
    }
    return InvalidArgument(
        "Dirichlet partitioning of {} samples into {} with alpha {} left a partition with fewer "
        "than {} samples in each of {} draws: take a larger alpha, a smaller minimal size or "
        "fewer partitions",
        labels.size(), num_partitions(), options().alpha, least, kMaxDraws);
  }

  /// Appends the samples of one class to the partitions in proportions of a new draw.
  void Deal(std::span<const std::size_t> one_class, Random& random, Partitions& partitions) const {
    std::vector<double> weights(partitions.size());
    for (double& weight : weights) weight = random.LogGamma(options().alpha);
    const double largest = *std::max_element(weights.begin(), weights.end());
    double sum = 0;
    for (double& weight : weights) sum += weight = std::exp(weight - largest);

    const auto size = static_cast<double>(one_class.size());
    double cumulated = 0;
    std::size_t start = 0;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      cumulated += weights[i];
      const bool last = i + 1 == partitions.size();
      const std::size_t end = last ? one_class.size()
                                   : std::clamp(static_cast<std::size_t>(cumulated / sum * size),
                                                start, one_class.size());
      const auto piece = one_class.subspan(start, end - start);
      partitions[i].insert(partitions[i].end(), piece.begin(), piece.end());
      start = end;
    }
  }
};

Status CheckCount(const PartitionerOptions& options) {
  if (options.num_partitions == 0)
    return InvalidArgument("num_partitions is 0, expected 1 or more");
  return {};
}

}  // namespace

StatusOr<std::unique_ptr<Partitioner>> MakeIidPartitioner(const PartitionerOptions& options) {
  if (Status status = CheckCount(options); !status.ok()) return status;
  return std::make_unique<IidPartitioner>(options);
}

StatusOr<std::unique_ptr<Partitioner>> MakeContiguousPartitioner(
    const PartitionerOptions& options) {
  if (Status status = CheckCount(options); !status.ok()) return status;
  return std::make_unique<ContiguousPartitioner>(options);
}

StatusOr<std::unique_ptr<Partitioner>> MakeDirichletPartitioner(const PartitionerOptions& options) {
  if (Status status = CheckCount(options); !status.ok()) return status;
  if (!(options.alpha >= kMinAlpha && options.alpha <= kMaxAlpha)) {
    return InvalidArgument("alpha of the Dirichlet partitioner is {}, expected {} to {}",
                           options.alpha, kMinAlpha, kMaxAlpha);
  }
  if (options.min_partition_size == 0) {
    return InvalidArgument("min_partition_size is 0, expected 1 or more");
  }
  return std::make_unique<DirichletPartitioner>(options);
}

StatusOr<std::unique_ptr<Partitioner>> MakeShardPartitioner(const PartitionerOptions& options) {
  if (Status status = CheckCount(options); !status.ok()) return status;
  if (options.shards_per_partition == 0) {
    return InvalidArgument("shards_per_partition is 0, expected 1 or more");
  }
  return std::make_unique<ShardPartitioner>(options);
}

StatusOr<std::unique_ptr<Partitioner>> MakePartitioner(const std::string& name,
                                                       const PartitionerOptions& options) {
  if (name == "iid") return MakeIidPartitioner(options);
  if (name == "contiguous") return MakeContiguousPartitioner(options);
  if (name == "dirichlet") return MakeDirichletPartitioner(options);
  if (name == "shards") return MakeShardPartitioner(options);
  return InvalidArgument("unknown partitioner '{}', expected iid, contiguous, dirichlet or shards",
                         name);
}

std::vector<std::size_t> Permutation(std::size_t size, std::uint64_t seed) {
  std::vector<std::size_t> indices = Iota(size);
  Random(seed).Shuffle(std::span(indices));
  return indices;
}

}  // namespace flwrcpp::datasets
