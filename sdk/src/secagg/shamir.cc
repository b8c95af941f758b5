// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/shamir.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <set>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "secagg/gf128.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr std::size_t kIndexBytes = 4;
constexpr std::size_t kChunkBytes = Gf128::kBytes;
/// A key of P-384 as PEM text has 20.
constexpr std::size_t kMaxChunks = 64;

using Polynomial = std::vector<Gf128, WipingAllocator<Gf128>>;

std::size_t ChunkCount(std::string_view share) {
  return (share.size() - kIndexBytes) / kChunkBytes;
}

std::string_view ChunkOf(std::string_view share, std::size_t chunk) {
  return share.substr(kIndexBytes + chunk * kChunkBytes, kChunkBytes);
}

void Randomize(Polynomial& coefficients) {
  SecretBytes random(coefficients.size() * kChunkBytes);
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(random.data()),
                      static_cast<int>(random.size())) != 1) {
    throw std::bad_alloc();
  }
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    coefficients[i] = Gf128::Load(AsView(random).substr(i * kChunkBytes, kChunkBytes));
  }
}

/// What each value at `points` has to be multiplied with so that their sum is the value at `x` of
/// the polynomial through them. Neither is a secret.
std::vector<Gf128> LagrangeFactors(const std::vector<int>& points, int x) {
  const auto element = [](int number) { return Gf128(static_cast<std::uint64_t>(number)); };
  std::vector<Gf128> factors;
  factors.reserve(points.size());
  for (const int own : points) {
    Gf128 numerator(1);
    Gf128 denominator(1);
    for (const int other : points) {
      if (other == own) continue;
      numerator = numerator * (element(x) + element(other));
      denominator = denominator * (element(own) + element(other));
    }
    factors.push_back(numerator * denominator.Inverse());
  }
  return factors;
}

/// The values at `x`, chunk by chunk, of the polynomials through the first shares, whose numbers
/// are `numbers`.
SecretBytes Interpolate(std::span<const SecretBytes> shares, const std::vector<int>& numbers,
                        int x) {
  const std::vector<Gf128> factors = LagrangeFactors(numbers, x);
  const std::size_t chunks = ChunkCount(AsView(shares[0]));
  SecretBytes values(chunks * kChunkBytes);
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    Gf128 sum(0);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      sum = sum + factors[i] * Gf128::Load(ChunkOf(AsView(shares[i]), chunk));
    }
    sum.Store(std::span(values).subspan(chunk * kChunkBytes).first<kChunkBytes>());
  }
  return values;
}

}  // namespace

std::vector<SecretBytes> CreateShares(std::string_view secret, int threshold, int count) {
  SecretBytes padded = ToSecret(secret);
  const std::size_t padding = kChunkBytes - secret.size() % kChunkBytes;
  padded.resize(padded.size() + padding, static_cast<char>(padding));

  std::vector<SecretBytes> shares(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < shares.size(); ++i) {
    shares[i].reserve(kIndexBytes + padded.size());
    for (std::size_t k = 0; k < kIndexBytes; ++k) {
      shares[i].push_back(static_cast<char>((i + 1) >> (8 * k) & 255));
    }
    shares[i].resize(kIndexBytes + padded.size());
  }
  Polynomial coefficients(static_cast<std::size_t>(threshold - 1), Gf128(0));  // highest first
  for (std::size_t begin = 0; begin < padded.size(); begin += kChunkBytes) {
    Randomize(coefficients);
    const Gf128 constant = Gf128::Load(AsView(padded).substr(begin, kChunkBytes));
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const Gf128 x(i + 1);
      Gf128 value(0);
      for (const Gf128& coefficient : coefficients) value = (value + coefficient) * x;
      value = value + constant;
      value.Store(std::span(shares[i]).subspan(kIndexBytes + begin).first<kChunkBytes>());
    }
  }
  return shares;
}

StatusOr<int> CheckShare(std::string_view share) {
  const bool whole = share.size() > kIndexBytes && (share.size() - kIndexBytes) % kChunkBytes == 0;
  if (!whole || ChunkCount(share) > kMaxChunks) {
    return InvalidArgument("a share has {} bytes, expected {} and 1 to {} times {}", share.size(),
                           kIndexBytes, kMaxChunks, kChunkBytes);
  }
  std::uint32_t number = 0;
  for (std::size_t k = 0; k < kIndexBytes; ++k) {
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(share[k])) << (8 * k);
  }
  if (number < 1 || number > static_cast<std::uint32_t>(kMaxShares)) {
    return InvalidArgument("a share has the number {}, expected 1 to {}", number, kMaxShares);
  }
  return static_cast<int>(number);
}

StatusOr<SecretBytes> CombineShares(std::span<const SecretBytes> shares, int threshold) {
  if (threshold < 1 || shares.size() < static_cast<std::size_t>(threshold)) {
    return InvalidArgument("{} shares of a secret, expected at least {}", shares.size(), threshold);
  }
  std::vector<int> numbers;
  std::set<int> known;
  for (const SecretBytes& share : shares) {
    FLWRCPP_ASSIGN_OR_RETURN(const int number, CheckShare(AsView(share)));
    if (!known.insert(number).second) return InvalidArgument("two shares have number {}", number);
    if (share.size() != shares[0].size()) {
      return InvalidArgument("a share has {} bytes, another one {}", share.size(),
                             shares[0].size());
    }
    numbers.push_back(number);
  }
  const std::vector<int> first(numbers.begin(), numbers.begin() + threshold);
  if (shares.size() > first.size()) {
    // One more tells whether they belong together: a single wrong value moves the polynomial
    // everywhere but at the other points.
    const SecretBytes& more = shares[first.size()];
    const SecretBytes expected = Interpolate(shares, first, numbers[first.size()]);
    if (CRYPTO_memcmp(expected.data(), more.data() + kIndexBytes, expected.size()) != 0) {
      return InvalidArgument("{} shares do not belong to one secret", first.size() + 1);
    }
  }
  SecretBytes secret = Interpolate(shares, first, 0);
  const auto padding = static_cast<unsigned char>(secret.back());
  const bool padded = padding >= 1 && padding <= kChunkBytes &&
                      std::all_of(secret.end() - padding, secret.end(),
                                  [&](char c) { return static_cast<unsigned char>(c) == padding; });
  if (!padded) return InvalidArgument("{} shares do not give a secret", shares.size());
  secret.resize(secret.size() - padding);
  return secret;
}

}  // namespace flwrcpp::internal::secagg
