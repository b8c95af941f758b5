// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/make_partitioner.h"

#include <fmt/format.h>

#include "datasets/partitioner_parameters.h"
#include "flwrcpp/datasets/continuous_partitioner.h"
#include "flwrcpp/datasets/dirichlet_partitioners.h"
#include "flwrcpp/datasets/label_partitioners.h"
#include "flwrcpp/datasets/natural_id_partitioners.h"
#include "flwrcpp/datasets/size_partitioners.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::ParameterReader;

using Made = StatusOr<std::unique_ptr<Partitioner>>;
using MadeVertical = StatusOr<std::unique_ptr<VerticalPartitioner>>;

NumPartitionsOptions GetNumPartitions(ParameterReader& reader) {
  NumPartitionsOptions options;
  reader.Get("num_partitions", options.num_partitions);
  return options;
}

/// What most partitioners end with.
template <typename Options>
void GetShuffle(ParameterReader& reader, Options& options) {
  reader.Get("shuffle", options.shuffle);
  reader.Get("seed", options.seed);
}

Made Iid(ParameterReader& reader) {
  const NumPartitionsOptions options = GetNumPartitions(reader);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeIidPartitioner(options);
}

Made Size(ParameterReader& reader) {
  SizePartitionerOptions options;
  reader.Get("partition_sizes", options.partition_sizes);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeSizePartitioner(std::move(options));
}

Made Linear(ParameterReader& reader) {
  const NumPartitionsOptions options = GetNumPartitions(reader);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeLinearPartitioner(options);
}

Made Square(ParameterReader& reader) {
  const NumPartitionsOptions options = GetNumPartitions(reader);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeSquarePartitioner(options);
}

Made Exponential(ParameterReader& reader) {
  const NumPartitionsOptions options = GetNumPartitions(reader);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeExponentialPartitioner(options);
}

Made Dirichlet(ParameterReader& reader) {
  DirichletPartitionerOptions options;
  reader.Get("num_partitions", options.num_partitions);
  reader.Get("alpha", options.alpha);
  reader.Get("min_partition_size", options.min_partition_size);
  reader.Get("self_balancing", options.self_balancing);
  GetShuffle(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeDirichletPartitioner(std::move(options));
}

Made InnerDirichlet(ParameterReader& reader) {
  InnerDirichletPartitionerOptions options;
  reader.Get("partition_sizes", options.partition_sizes);
  reader.Get("alpha", options.alpha);
  GetShuffle(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeInnerDirichletPartitioner(std::move(options));
}

Made Pathological(ParameterReader& reader) {
  PathologicalPartitionerOptions options;
  reader.Get("num_partitions", options.num_partitions);
  reader.Get("num_classes_per_partition", options.num_classes_per_partition);
  reader.Choose("class_assignment_mode",
                {{"random", ClassAssignmentMode::kRandom},
                 {"deterministic", ClassAssignmentMode::kDeterministic},
                 {"first-deterministic", ClassAssignmentMode::kFirstDeterministic}},
                options.class_assignment_mode);
  GetShuffle(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakePathologicalPartitioner(options);
}

Made Shard(ParameterReader& reader) {
  ShardPartitionerOptions options;
  reader.Get("num_partitions", options.num_partitions);
  reader.Get("num_shards_per_partition", options.num_shards_per_partition);
  reader.Get("shard_size", options.shard_size);
  reader.Get("keep_incomplete_shard", options.keep_incomplete_shard);
  GetShuffle(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeShardPartitioner(options);
}

Made Distribution(ParameterReader& reader) {
  DistributionPartitionerOptions options;
  reader.Get("distribution_array", options.distribution_array);
  reader.Get("num_partitions", options.num_partitions);
  reader.Get("num_unique_labels_per_partition", options.num_unique_labels_per_partition);
  reader.Get("preassigned_num_samples_per_label", options.preassigned_num_samples_per_label);
  reader.Get("rescale", options.rescale);
  GetShuffle(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeDistributionPartitioner(std::move(options));
}

Made NaturalId(ParameterReader& reader) {
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeNaturalIdPartitioner();
}

Made GroupedNaturalId(ParameterReader& reader) {
  GroupedNaturalIdPartitionerOptions options;
  reader.Get("group_size", options.group_size);
  reader.Choose("mode",
                {{"allow-smaller", GroupMode::kAllowSmaller},
                 {"allow-bigger", GroupMode::kAllowBigger},
                 {"drop-reminder", GroupMode::kDropReminder},
                 {"strict", GroupMode::kStrict}},
                options.mode);
  reader.Get("sort_unique_ids", options.sort_unique_ids);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeGroupedNaturalIdPartitioner(options);
}

Made Continuous(ParameterReader& reader) {
  ContinuousPartitionerOptions options;
  reader.Get("num_partitions", options.num_partitions);
  reader.Get("strictness", options.strictness);
  GetShuffle(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeContinuousPartitioner(options);
}

void GetVertical(ParameterReader& reader, VerticalPartitionerOptions& options) {
  reader.Get("active_party_columns", options.active_party_columns);
  std::size_t partition = 0;
  if (reader.IsInteger("active_party_columns_mode")) {
    reader.Get("active_party_columns_mode", partition);
    options.active_party_columns_mode = partition;
  } else {
    ActivePartyColumnsMode mode = ActivePartyColumnsMode::kAddToLast;
    reader.Choose("active_party_columns_mode",
                  {{"add_to_first", ActivePartyColumnsMode::kAddToFirst},
                   {"add_to_last", ActivePartyColumnsMode::kAddToLast},
                   {"create_as_first", ActivePartyColumnsMode::kCreateAsFirst},
                   {"create_as_last", ActivePartyColumnsMode::kCreateAsLast},
                   {"add_to_all", ActivePartyColumnsMode::kAddToAll}},
                  mode);
    options.active_party_columns_mode = mode;
  }
  reader.Get("drop_columns", options.drop_columns);
  reader.Get("shared_columns", options.shared_columns);
  GetShuffle(reader, options);
}

MadeVertical VerticalEven(ParameterReader& reader) {
  VerticalEvenPartitionerOptions options;
  reader.Get("num_partitions", options.num_partitions);
  GetVertical(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeVerticalEvenPartitioner(std::move(options));
}

MadeVertical VerticalSize(ParameterReader& reader) {
  VerticalSizePartitionerOptions options;
  if (reader.IsListOfReals("partition_sizes")) {
    reader.Get("partition_sizes", options.partition_sizes.emplace<std::vector<double>>());
  } else {
    reader.Get("partition_sizes", std::get<std::vector<std::size_t>>(options.partition_sizes));
  }
  GetVertical(reader, options);
  FLWRCPP_RETURN_IF_ERROR(reader.Check());
  return MakeVerticalSizePartitioner(std::move(options));
}

template <typename Result>
struct Entry {
  const char* name;
  Result (*make)(ParameterReader& reader);
};

constexpr Entry<Made> kPartitioners[] = {
    {"IidPartitioner", Iid},
    {"SizePartitioner", Size},
    {"LinearPartitioner", Linear},
    {"SquarePartitioner", Square},
    {"ExponentialPartitioner", Exponential},
    {"DirichletPartitioner", Dirichlet},
    {"InnerDirichletPartitioner", InnerDirichlet},
    {"PathologicalPartitioner", Pathological},
    {"ShardPartitioner", Shard},
    {"DistributionPartitioner", Distribution},
    {"NaturalIdPartitioner", NaturalId},
    {"GroupedNaturalIdPartitioner", GroupedNaturalId},
    {"ContinuousPartitioner", Continuous},
};

constexpr Entry<MadeVertical> kVerticalPartitioners[] = {
    {"VerticalEvenPartitioner", VerticalEven},
    {"VerticalSizePartitioner", VerticalSize},
};

/// A name in lower case, without '-', '_' and "Partitioner" at its end.
std::string Folded(const std::string& name) {
  std::string folded;
  for (const char c : name) {
    if (c == '-' || c == '_') continue;
    folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  constexpr std::string_view kEnd = "partitioner";
  if (folded.ends_with(kEnd)) folded.resize(folded.size() - kEnd.size());
  return folded;
}

template <typename Result, std::size_t kSize>
std::vector<std::string> NamesOf(const Entry<Result> (&entries)[kSize]) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.emplace_back(entry.name);
  return names;
}

template <typename Result, std::size_t kSize>
Result MakeOf(const Entry<Result> (&entries)[kSize], const std::string& name,
              const PartitionerParameters& parameters) {
  for (const auto& entry : entries) {
    if (Folded(entry.name) != Folded(name)) continue;
    ParameterReader reader(parameters);
    Result made = entry.make(reader);
    if (made.ok()) return made;
    return internal::MakeError(made.status().code(), "{}: {}", entry.name,
                               std::string(made.status().message()));
  }
  return InvalidArgument("unknown partitioner '{}', expected {}", name,
                         fmt::join(NamesOf(entries), ", "));
}

}  // namespace

std::vector<std::string> PartitionerNames() { return NamesOf(kPartitioners); }

StatusOr<std::unique_ptr<Partitioner>> MakePartitioner(const std::string& name,
                                                       const PartitionerParameters& parameters) {
  return MakeOf(kPartitioners, name, parameters);
}

std::vector<std::string> VerticalPartitionerNames() { return NamesOf(kVerticalPartitioners); }

StatusOr<std::unique_ptr<VerticalPartitioner>> MakeVerticalPartitioner(
    const std::string& name, const PartitionerParameters& parameters) {
  return MakeOf(kVerticalPartitioners, name, parameters);
}

}  // namespace flwrcpp::datasets
