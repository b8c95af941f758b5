// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Independent numbers of the standard normal distribution: uniform ones of 53 bits, which are the
/// key stream of AES-256 in counter mode, by the transform of Box and Muller (1958). None is larger
/// than 8.6; a true one is with a probability below 2^-53. Not thread-safe.
class GaussianNoise {
 public:
  /// @param seed absent: the key comes from OpenSSL's generator for private keys, which the
  ///   operating system seeds. With one the numbers are known to whoever knows the seed, so they
  ///   protect nothing: for tests.
  /// @param stream tells apart what is drawn with the same seed.
  /// @return `kInternal` when OpenSSL fails.
  static StatusOr<GaussianNoise> Create(std::optional<std::uint64_t> seed, std::string_view stream);

  GaussianNoise(GaussianNoise&&) noexcept;
  GaussianNoise& operator=(GaussianNoise&&) noexcept;
  ~GaussianNoise();

  /// @return `kInternal` when OpenSSL fails; `out` must not be used then.
  Status Fill(std::span<double> out);

 private:
  struct Cipher;
  explicit GaussianNoise(std::unique_ptr<Cipher> cipher);

  std::unique_ptr<Cipher> cipher_;
};

/// Adds independent noise of N(0, stddev²) to every element of every array. Computed in double;
/// floating-point arrays keep their type, integers become float64. Arrays are replaced one by one.
/// With a `stddev` of 0 nothing changes.
/// @return `kInvalidArgument` for a negative or infinite `stddev`, or naming an array that is not
///   of real numbers; errors of `noise`; `kResourceExhausted` without memory. The arrays must not
///   be released then: some have no noise.
Status AddGaussianNoise(ArrayRecord& arrays, double stddev, GaussianNoise& noise);

}  // namespace flwrcpp::internal
