// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "arrays/mean_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "arrays/float16.h"

namespace flwrcpp::internal {
namespace {

static_assert(std::endian::native == std::endian::little, "results are written little-endian");

double ToDouble(Float16 value) { return ToFloat(value); }
template <typename T>
double ToDouble(T value) {
  return static_cast<double>(value);
}

template <typename Mean, typename Value, std::size_t kComponents>
void Assign(std::byte* mean, const std::byte* values, std::size_t count) {
  auto* out = reinterpret_cast<Mean*>(mean);
  const auto* in = reinterpret_cast<const Value*>(values);
  for (std::size_t i = 0; i < count * kComponents; ++i) {
    out[i] = static_cast<Mean>(ToDouble(in[i]));
  }
}

template <typename Mean, typename Value, std::size_t kComponents>
void Blend(std::byte* mean, const std::byte* values, std::size_t count, double keep, double take) {
  auto* out = reinterpret_cast<Mean*>(mean);
  const auto* in = reinterpret_cast<const Value*>(values);
  for (std::size_t i = 0; i < count * kComponents; ++i) {
    // Not as mean + (value - mean) * take: that makes NaN of two equal infinities, which masks of
    // attention layers hold.
    const double old = out[i];
    const double value = ToDouble(in[i]);
    const double blended = old * keep + value * take;
    // Equal values stay what they are to the last bit: a counter must not come out as 9.99….
    out[i] = static_cast<Mean>(value == old ? old : blended);
  }
}

template <typename Mean, typename Value, std::size_t kComponents = 1>
MeanKernels Kernels(std::string_view result_descr) {
  return {result_descr, sizeof(Mean) * kComponents, sizeof(Value),
          &Assign<Mean, Value, kComponents>, &Blend<Mean, Value, kComponents>};
}

struct NamedKernels {
  std::string_view type;  ///< NumPy's type string without the byte order.
  MeanKernels kernels;
};

const std::array kKernels = {
    NamedKernels{"f4", Kernels<float, float>("<f4")},
    NamedKernels{"f2", Kernels<float, Float16>("<f2")},
    NamedKernels{"f8", Kernels<double, double>("<f8")},
    NamedKernels{"c8", Kernels<float, float, 2>("<c8")},
    NamedKernels{"c16", Kernels<double, double, 2>("<c16")},
    NamedKernels{"b1", Kernels<double, std::uint8_t>("<f8")},
    NamedKernels{"i1", Kernels<double, std::int8_t>("<f8")},
    NamedKernels{"i2", Kernels<double, std::int16_t>("<f8")},
    NamedKernels{"i4", Kernels<double, std::int32_t>("<f8")},
    NamedKernels{"i8", Kernels<double, std::int64_t>("<f8")},
    NamedKernels{"u1", Kernels<double, std::uint8_t>("<f8")},
    NamedKernels{"u2", Kernels<double, std::uint16_t>("<f8")},
    NamedKernels{"u4", Kernels<double, std::uint32_t>("<f8")},
    NamedKernels{"u8", Kernels<double, std::uint64_t>("<f8")},
};

}  // namespace

std::optional<MeanKernels> FindMeanKernels(std::string_view descr) {
  if (descr.empty()) return std::nullopt;
  const auto* const found = std::find_if(
      kKernels.begin(), kKernels.end(),
      [&](const NamedKernels& candidate) { return candidate.type == descr.substr(1); });
  if (found == kKernels.end()) return std::nullopt;
  MeanKernels kernels = found->kernels;
  if (descr.front() != '>') kernels.swap_size = 0;
  return kernels;
}

void ReverseBytes(std::span<std::byte> bytes, std::size_t size) {
  for (std::size_t begin = 0; begin + size <= bytes.size(); begin += size) {
    const std::span<std::byte> element = bytes.subspan(begin, size);
    std::reverse(element.begin(), element.end());
  }
}

}  // namespace flwrcpp::internal
