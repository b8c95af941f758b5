// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "privacy/gaussian_noise.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "arrays/real_array.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kKeySize = 32;
using Key = std::array<unsigned char, kKeySize>;

Status OpenSslFailed(const char* what) {
  return MakeError(StatusCode::kInternal, "no noise: OpenSSL failed to {}", what);
}

StatusOr<Key> MakeKey(std::optional<std::uint64_t> seed, std::string_view stream) {
  Key key;
  if (!seed.has_value()) {
    if (RAND_priv_bytes(key.data(), static_cast<int>(key.size())) != 1) {
      return OpenSslFailed("make a random key");
    }
    return key;
  }
  const std::string text = fmt::format("{}:{}", *seed, stream);
  if (EVP_Digest(text.data(), text.size(), key.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    return OpenSslFailed("make a key of the seed");
  }
  return key;
}

/// Of 64 random bits those 53 that a double can hold, as a number in [0, 1).
double ToUnit(std::uint64_t bits) { return static_cast<double>(bits >> 11U) * 0x1p-53; }

}  // namespace

struct GaussianNoise::Cipher {
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> context{EVP_CIPHER_CTX_new()};
};

GaussianNoise::GaussianNoise(std::unique_ptr<Cipher> cipher) : cipher_(std::move(cipher)) {}
GaussianNoise::GaussianNoise(GaussianNoise&&) noexcept = default;
GaussianNoise& GaussianNoise::operator=(GaussianNoise&&) noexcept = default;
GaussianNoise::~GaussianNoise() = default;

StatusOr<GaussianNoise> GaussianNoise::Create(std::optional<std::uint64_t> seed,
                                              std::string_view stream) {
  FLWRCPP_ASSIGN_OR_RETURN(const Key key, MakeKey(seed, stream));
  auto cipher = std::make_unique<Cipher>();
  // No other stream has this key, so the counter may begin at 0.
  constexpr std::array<unsigned char, 16> kCounter{};
  if (cipher->context == nullptr || EVP_EncryptInit_ex(cipher->context.get(), EVP_aes_256_ctr(),
                                                       nullptr, key.data(), kCounter.data()) != 1) {
    return OpenSslFailed("set up AES");
  }
  return GaussianNoise(std::move(cipher));
}

Status GaussianNoise::Fill(std::span<double> out) {
  constexpr std::size_t kPairs = 256;
  std::array<std::array<std::uint64_t, 2>, kPairs> bits;
  while (!out.empty()) {
    const std::size_t pairs = std::min(kPairs, (out.size() + 1) / 2);
    const int size = static_cast<int>(pairs * sizeof(bits[0]));
    auto* const bytes = reinterpret_cast<unsigned char*>(bits.data());
    bits = {};  // the key stream is what zeros are encrypted to
    int written = 0;
    if (EVP_EncryptUpdate(cipher_->context.get(), bytes, &written, bytes, size) != 1 ||
        written != size) {
      return OpenSslFailed("run AES");
    }
    for (std::size_t i = 0; i < pairs; ++i) {
      // In (0, 1], as there is no logarithm of 0.
      const double radius = std::sqrt(-2 * std::log(ToUnit(bits[i][0]) + 0x1p-53));
      const double angle = 2 * std::numbers::pi * ToUnit(bits[i][1]);
      out[2 * i] = radius * std::cos(angle);
      if (2 * i + 1 < out.size()) out[2 * i + 1] = radius * std::sin(angle);
    }
    out = out.subspan(std::min(2 * pairs, out.size()));
  }
  return absl::OkStatus();
}

namespace {

StatusOr<Array> WithNoise(const Array& array, double stddev, GaussianNoise& noise) {
  FLWRCPP_ASSIGN_OR_RETURN(const RealReader reader, RealReader::Open(array));
  const std::string& descr = reader.result_descr();
  FLWRCPP_ASSIGN_OR_RETURN(RealWriter writer, RealWriter::Allocate(descr, reader.shape()));
  Status status;
  WithWorkType(descr, [&]<typename T>() {
    std::array<T, kBlockElements> block;
    std::array<double, kBlockElements> drawn;
    ForEachBlock(reader.count(), [&](std::size_t begin, std::size_t count) {
      if (status.ok()) status = noise.Fill(std::span(drawn).first(count));
      if (!status.ok()) return;
      reader.Read(begin, std::span(block).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        block[i] = static_cast<T>(static_cast<double>(block[i]) + stddev * drawn[i]);
      }
      writer.Write(begin, std::span<const T>(block).first(count));
    });
  });
  FLWRCPP_RETURN_IF_ERROR(status);
  return writer.Finish();
}

}  // namespace

Status AddGaussianNoise(ArrayRecord& arrays, double stddev, GaussianNoise& noise) {
  if (!std::isfinite(stddev) || stddev < 0) {
    return InvalidArgument("the standard deviation of the noise is {}, expected 0 or more", stddev);
  }
  if (stddev == 0) return absl::OkStatus();
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const std::string& key = arrays.item(i).first;
    StatusOr<Array> noisy = WithNoise(arrays.item(i).second, stddev, noise);
    if (!noisy.ok()) return Annotate(noisy.status(), "array '" + key + "'");
    *arrays.Find(key) = *std::move(noisy);
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
