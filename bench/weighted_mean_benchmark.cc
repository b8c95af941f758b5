// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// How fast replies are added to the weighted mean. `bytes_per_second` counts the bytes of the
// replies' elements as they came over the wire.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "flwrcpp/records.h"
#include "strategy/weighted_mean.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kChunkBytes = 5 * 1024 * 1024;

/// The array as it comes over the wire: one segment for each chunk, each in memory of its own.
Array InChunks(const Array& array) {
  const Bytes data = array.Contiguous();
  std::vector<Bytes> chunks;
  for (std::size_t begin = 0; begin < data.size(); begin += kChunkBytes) {
    chunks.emplace_back(std::string(data.view().substr(begin, kChunkBytes)));
  }
  return {array.dtype(), array.shape(), array.stype(), std::move(chunks)};
}

/// A model of `bytes` in arrays of at most 32 MiB.
ArrayRecord Model(const std::string& dtype, std::size_t item_size, std::size_t bytes) {
  constexpr std::size_t kArrayBytes = std::size_t{32} << 20;
  ArrayRecord model;
  for (std::size_t begin = 0; begin < bytes; begin += kArrayBytes) {
    const std::size_t count = std::min(kArrayBytes, bytes - begin) / item_size;
    const StatusOr<Array> array =
        Array::Build(dtype, {static_cast<std::int64_t>(count)}, [](std::span<std::byte> elements) {
          // Small values whatever the type: no NaN, no subnormals.
          for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = std::byte(0x3c);
        });
    model.Set("layer" + std::to_string(begin), InChunks(array.value()));
  }
  return model;
}

void AddReplies(benchmark::State& state, const std::string& dtype, std::size_t item_size) {
  const std::size_t bytes = static_cast<std::size_t>(state.range(0)) << 20;
  const ArrayRecord reply = Model(dtype, item_size, bytes);
  WeightedArrayMean mean;
  if (!mean.Add(1, reply, 1).ok()) state.SkipWithError("the first reply was refused");
  for (auto _ : state) {
    if (!mean.Add(2, reply, 3).ok()) state.SkipWithError("a reply was refused");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

/// A round of two nodes: accumulator from fresh memory, two replies, result.
void AggregateTwo(benchmark::State& state) {
  const std::size_t bytes = static_cast<std::size_t>(state.range(0)) << 20;
  const ArrayRecord first = Model("float32", sizeof(float), bytes);
  const ArrayRecord second = Model("float32", sizeof(float), bytes);
  for (auto _ : state) {
    WeightedArrayMean mean;
    if (!mean.Add(1, first, 100).ok() || !mean.Add(2, second, 300).ok()) {
      state.SkipWithError("a reply was refused");
    }
    benchmark::DoNotOptimize(mean.Finish());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(2 * bytes) * state.iterations());
}

BENCHMARK_CAPTURE(AddReplies, float32, "float32", 4)->ArgName("MiB")->Arg(1)->Arg(256);
BENCHMARK_CAPTURE(AddReplies, float64, "float64", 8)->ArgName("MiB")->Arg(256);
BENCHMARK_CAPTURE(AddReplies, float16, "float16", 2)->ArgName("MiB")->Arg(64);
BENCHMARK_CAPTURE(AddReplies, int64, "int64", 8)->ArgName("MiB")->Arg(64);
BENCHMARK(AggregateTwo)->ArgName("MiB")->Arg(256)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace flwrcpp::internal
