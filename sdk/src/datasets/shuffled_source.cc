// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/shuffled_source.h"

#include <random>
#include <utility>

#include "flwrcpp/datasets/partitioner.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

using datasets::Column;
using datasets::Table;

class ShuffledSource final : public datasets::DataSource {
 public:
  ShuffledSource(std::shared_ptr<const DataSource> source, std::uint64_t seed)
      : source_(std::move(source)), seed_(seed) {}

  std::vector<std::string> splits() const override { return source_->splits(); }

  StatusOr<std::size_t> NumRows(std::string_view split) const override {
    return source_->NumRows(split);
  }

  StatusOr<Column> LoadColumn(std::string_view split, std::string_view name) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const Column column, source_->LoadColumn(split, name));
    return SelectRows(column, datasets::Permutation(datasets::NumRows(column), seed_));
  }

  StatusOr<Table> LoadRows(std::string_view split,
                           std::span<const std::size_t> rows) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::size_t size, source_->NumRows(split));
    // Drawn anew each time: a split of millions takes some tens of milliseconds, reading it more.
    const std::vector<std::size_t> order = datasets::Permutation(size, seed_);
    std::vector<std::size_t> chosen;
    chosen.reserve(rows.size());
    for (const std::size_t row : rows) {
      if (row >= size) {
        return MakeError(StatusCode::kOutOfRange,
                         "row {} was asked for, but the split '{}' has {} rows", row, split, size);
      }
      chosen.push_back(order[row]);
    }
    return source_->LoadRows(split, chosen);
  }

 private:
  std::shared_ptr<const DataSource> source_;
  std::uint64_t seed_;
};

}  // namespace

std::shared_ptr<const datasets::DataSource> MakeShuffledSource(
    std::shared_ptr<const datasets::DataSource> source, std::optional<std::uint64_t> seed) {
  if (!seed) {
    std::random_device device;
    seed = static_cast<std::uint64_t>(device()) << 32 | device();
  }
  return std::make_shared<const ShuffledSource>(std::move(source), *seed);
}

}  // namespace flwrcpp::internal
