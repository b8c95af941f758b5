// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <random>
#include <unordered_set>

#include "datasets/ziggurat.h"

namespace flwrcpp::internal {
namespace {

constexpr absl::uint128 kMultiplier =
    absl::MakeUint128(0x2360ED051FC65DA4ULL, 0x4385DF649FCCF645ULL);

/// Words that a SeedSequence keeps of its entropy.
using Pool = std::array<std::uint32_t, 4>;

/// One of the two chains of multipliers of a SeedSequence.
class HashChain {
 public:
  HashChain(std::uint32_t start, std::uint32_t factor) : constant_(start), factor_(factor) {}

  std::uint32_t operator()(std::uint32_t word) {
    word ^= constant_;
    constant_ *= factor_;
    word *= constant_;
    return word ^ (word >> 16);
  }

 private:
  std::uint32_t constant_;
  std::uint32_t factor_;
};

Pool MixEntropy(std::uint64_t seed) {
  HashChain hash(0x43B0D7E5, 0x931E8875);
  Pool pool;
  pool[0] = hash(static_cast<std::uint32_t>(seed));
  pool[1] = hash(static_cast<std::uint32_t>(seed >> 32));  // A missing word counts as 0.
  pool[2] = hash(0);
  pool[3] = hash(0);
  for (std::size_t from = 0; from < pool.size(); ++from) {
    for (std::size_t to = 0; to < pool.size(); ++to) {
      if (from == to) continue;
      const std::uint32_t mixed = 0xCA01F9DD * pool[to] - 0x4973F715 * hash(pool[from]);
      pool[to] = mixed ^ (mixed >> 16);
    }
  }
  return pool;
}

/// The next 64 bits of what a SeedSequence makes of its pool.
std::uint64_t NextSeedWord(const Pool& pool, HashChain& hash, std::size_t& place) {
  const std::uint64_t low = hash(pool[place++ % pool.size()]);
  return low | (static_cast<std::uint64_t>(hash(pool[place++ % pool.size()])) << 32);
}

std::uint64_t FreshSeed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

Random::Random(std::optional<std::uint64_t> seed) {
  const Pool pool = MixEntropy(seed ? *seed : FreshSeed());
  HashChain hash(0x8B51F9DD, 0x58F38DED);
  std::array<std::uint64_t, 4> words{};
  std::size_t place = 0;
  for (std::uint64_t& word : words) word = NextSeedWord(pool, hash, place);
  increment_ = (absl::MakeUint128(words[2], words[3]) << 1) | 1;
  state_ = increment_ + absl::MakeUint128(words[0], words[1]);
  state_ = state_ * kMultiplier + increment_;
}

std::uint64_t Random::Next64() {
  state_ = state_ * kMultiplier + increment_;
  const std::uint64_t high = absl::Uint128High64(state_);
  return std::rotr(high ^ absl::Uint128Low64(state_), static_cast<int>(high >> 58));
}

std::uint32_t Random::Next32() {
  if (upper_half_) {
    const std::uint32_t half = *upper_half_;
    upper_half_.reset();
    return half;
  }
  const std::uint64_t both = Next64();
  upper_half_ = static_cast<std::uint32_t>(both >> 32);
  return static_cast<std::uint32_t>(both);
}

// Lemire, "Fast Random Integer Generation in an Interval", 2019: the upper half of a product is the
// number, the lower half says whether it is one too many of its kind.
std::uint64_t Random::Below(std::uint64_t bound) {
  constexpr std::uint64_t kWhole32 = std::uint64_t{1} << 32;
  if (bound <= 1) return 0;
  if (bound == kWhole32) return Next32();
  if (bound < kWhole32) {
    const auto bound32 = static_cast<std::uint32_t>(bound);
    const std::uint32_t threshold = (0 - bound32) % bound32;
    std::uint64_t product = Next32() * bound;
    while (static_cast<std::uint32_t>(product) < threshold) product = Next32() * bound;
    return product >> 32;
  }
  const std::uint64_t threshold = (0 - bound) % bound;
  absl::uint128 product = absl::uint128(Next64()) * bound;
  while (absl::Uint128Low64(product) < threshold) product = absl::uint128(Next64()) * bound;
  return absl::Uint128High64(product);
}

std::uint64_t Random::UpTo(std::uint64_t last) {
  if (last == 0) return 0;
  const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(last);
  while (true) {
    const std::uint64_t bits = last <= 0xFFFFFFFF ? Next32() : Next64();
    if ((bits & mask) <= last) return bits & mask;
  }
}

double Random::Uniform() { return static_cast<double>(Next64() >> 11) * 0x1p-53; }

double Random::Normal() {
  const Ziggurat& layers = NormalZiggurat();
  while (true) {
    const std::uint64_t bits = Next64();
    const std::size_t layer = bits & 0xFF;
    const bool negative = ((bits >> 8) & 1) != 0;
    const std::uint64_t position = (bits >> 9) & 0xFFFFFFFFFFFFFULL;
    const double x = static_cast<double>(position) * layers.widths[layer];
    if (position < layers.inside[layer]) return negative ? -x : x;
    if (layer == 0) {
      // The tail beyond the lowest layer (Marsaglia, 1964). NumPy takes its sign from another bit.
      while (true) {
        const double beyond = -std::log1p(-Uniform()) / kNormalTail;
        const double height = -std::log1p(-Uniform());
        if (height + height > beyond * beyond) {
          return ((position >> 8) & 1) != 0 ? -(kNormalTail + beyond) : kNormalTail + beyond;
        }
      }
    }
    if (layers.Between(layer, Uniform()) < std::exp(-0.5 * x * x)) return negative ? -x : x;
  }
}

double Random::Exponential() {
  const Ziggurat& layers = ExponentialZiggurat();
  while (true) {
    const std::uint64_t bits = Next64() >> 3;
    const std::size_t layer = bits & 0xFF;
    const std::uint64_t position = bits >> 8;
    const double x = static_cast<double>(position) * layers.widths[layer];
    if (position < layers.inside[layer]) return x;
    if (layer == 0) return kExponentialTail - std::log1p(-Uniform());
    if (layers.Between(layer, Uniform()) < std::exp(-x)) return x;
  }
}

double Random::Gamma(double shape) {
  if (shape == 1) return Exponential();
  if (shape < 1) {
    // Ahrens and Dieter, "Computer methods for sampling from gamma, beta, Poisson and binomial
    // distributions", 1974.
    while (true) {
      const double u = Uniform();
      const double v = Exponential();
      if (u <= 1 - shape) {
        const double x = std::pow(u, 1 / shape);
        if (x <= v) return x;
      } else {
        const double y = -std::log((1 - u) / shape);
        const double x = std::pow(1 - shape + shape * y, 1 / shape);
        if (x <= v + y) return x;
      }
    }
  }
  // Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = Normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double u = Uniform();
    if (u < 1 - 0.0331 * (x * x) * (x * x)) return d * v;
    if (std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v))) return d * v;
  }
}

double Random::Beta(double a, double b) {
  if (a > 1 || b > 1) {
    const double first = Gamma(a);
    return first / (first + Gamma(b));
  }
  constexpr double kTiny = 3e-103;
  if (a < kTiny && b < kTiny) return Uniform() * (a + b) < a ? 1 : 0;
  // Jöhnk, "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen", 1964.
  while (true) {
    const double u = Uniform();
    const double v = Uniform();
    const double x = std::pow(u, 1 / a);
    const double y = std::pow(v, 1 / b);
    if (x + y > 1 || u + v == 0) continue;
    if (x > 0 && y > 0) return x / (x + y);
    // One is below what a double can hold; their ratio need not be.
    const double log_ratio = std::log(u) / a - std::log(v) / b;
    if (log_ratio > 0) return std::exp(-std::log1p(std::exp(-log_ratio)));
    return std::exp(log_ratio - std::log1p(std::exp(log_ratio)));
  }
}

std::vector<double> Random::Dirichlet(std::span<const double> alpha) {
  std::vector<double> proportions(alpha.size());
  if (*std::max_element(alpha.begin(), alpha.end()) < 0.1) {
    // Gammas of so small shapes may all be 0: break pieces off a stick instead.
    std::vector<double> rest(alpha.begin(), alpha.end());  // Sum of this alpha and those behind it.
    for (std::size_t i = rest.size() - 1; i-- > 0;) rest[i] += rest[i + 1];
    double left = 1;
    for (std::size_t i = 0; i + 1 < alpha.size(); ++i) {
      const double share = Beta(alpha[i], rest[i + 1]);
      proportions[i] = left * share;
      left *= 1 - share;
    }
    proportions.back() = left;
    return proportions;
  }
  double sum = 0;
  for (std::size_t i = 0; i < alpha.size(); ++i) sum += proportions[i] = Gamma(alpha[i]);
  const double inverse = 1 / sum;
  for (double& proportion : proportions) proportion *= inverse;
  return proportions;
}

std::size_t Random::Choice(std::span<const double> probabilities) {
  std::vector<double> cumulated(probabilities.size());
  std::partial_sum(probabilities.begin(), probabilities.end(), cumulated.begin());
  const double total = cumulated.back();
  const double drawn = Uniform();
  const auto above = [total](double value, double sum) { return value < sum / total; };
  const auto chosen = std::upper_bound(cumulated.begin(), cumulated.end(), drawn, above);
  return std::min(static_cast<std::size_t>(chosen - cumulated.begin()), cumulated.size() - 1);
}

void Random::ShuffleSample(std::span<std::size_t> values, std::size_t first) {
  for (std::size_t i = values.size(); i-- > first;) {
    std::swap(values[i], values[static_cast<std::size_t>(Below(i + std::uint64_t{1}))]);
  }
}

std::vector<std::size_t> Random::Sample(std::size_t population, std::size_t size) {
  constexpr std::size_t kLargePopulation = 10000;
  constexpr std::size_t kLargeShare = 50;
  if (population > kLargePopulation && size > population / kLargeShare) {
    std::vector<std::size_t> all(population);
    std::iota(all.begin(), all.end(), std::size_t{0});
    const auto first = static_cast<std::ptrdiff_t>(population - size);
    ShuffleSample(all, std::max<std::size_t>(population - size, 1));
    return {all.begin() + first, all.end()};
  }
  // Bentley and Floyd, "Programming pearls: a sample of brilliance", 1987.
  std::vector<std::size_t> sample;
  sample.reserve(size);
  std::unordered_set<std::size_t> taken;
  for (std::size_t i = population - size; i < population; ++i) {
    const auto drawn = static_cast<std::size_t>(Below(i + std::uint64_t{1}));
    sample.push_back(taken.insert(drawn).second ? drawn : i);
    taken.insert(sample.back());
  }
  ShuffleSample(sample, 1);
  return sample;
}

}  // namespace flwrcpp::internal
