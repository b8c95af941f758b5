// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "crypto/ecdsa_verifier.h"

#include <gmp.h>
#include <nettle/dsa.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <array>

namespace flwrcpp::internal {
namespace {

const ecc_curve* FindCurve(std::string_view group) {
  if (group == "prime256v1") return nettle_get_secp_256r1();
  if (group == "secp384r1") return nettle_get_secp_384r1();
  if (group == "secp521r1") return nettle_get_secp_521r1();
  return nullptr;
}

/// A number of GMP.
class Integer {
 public:
  explicit Integer(std::span<const unsigned char> big_endian) {
    mpz_init(value_);
    mpz_import(value_, big_endian.size(), 1, 1, 1, 0, big_endian.data());
  }
  ~Integer() { mpz_clear(value_); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  mpz_srcptr get() const { return value_; }

 private:
  mpz_t value_;
};

/// The two numbers of a signature.
class Signature {
 public:
  Signature() { dsa_signature_init(&numbers_); }
  ~Signature() { dsa_signature_clear(&numbers_); }
  Signature(const Signature&) = delete;
  Signature& operator=(const Signature&) = delete;

  /// False for anything but the one DER encoding of two positive numbers.
  bool Parse(std::string_view der) {
    const auto* const begin = reinterpret_cast<const unsigned char*>(der.data());
    const unsigned char* at = begin;
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parsed(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
    if (parsed == nullptr || at != begin + der.size()) return false;
    std::array<unsigned char, kMaxSize> again;
    unsigned char* out = again.data();
    if (i2d_ECDSA_SIG(parsed.get(), nullptr) != static_cast<int>(der.size()) ||
        i2d_ECDSA_SIG(parsed.get(), &out) != static_cast<int>(der.size()) ||
        std::string_view(reinterpret_cast<char*>(again.data()), der.size()) != der) {
      return false;
    }
    return Set(numbers_.r, ECDSA_SIG_get0_r(parsed.get())) &&
           Set(numbers_.s, ECDSA_SIG_get0_s(parsed.get()));
  }

  const dsa_signature* get() const { return &numbers_; }

  /// More than the largest curve's signature has.
  static constexpr std::size_t kMaxSize = 256;

 private:
  static bool Set(mpz_ptr number, const BIGNUM* value) {
    if (BN_is_negative(value) != 0) return false;
    std::array<unsigned char, kMaxSize> bytes;
    const int size = BN_bn2bin(value, bytes.data());
    mpz_import(number, static_cast<std::size_t>(size), 1, 1, 1, 0, bytes.data());
    return true;
  }

  dsa_signature numbers_;
};

class NettleVerifier final : public EcdsaVerifier {
 public:
  explicit NettleVerifier(const ecc_curve* curve) { ecc_point_init(&point_, curve); }
  ~NettleVerifier() override { ecc_point_clear(&point_); }
  NettleVerifier(const NettleVerifier&) = delete;
  NettleVerifier& operator=(const NettleVerifier&) = delete;

  bool SetPoint(const Integer& x, const Integer& y) {
    return ecc_point_set(&point_, x.get(), y.get()) == 1;
  }

  bool Verify(std::string_view bytes, std::string_view signature) const override {
    if (signature.size() > Signature::kMaxSize) return false;
    Signature parsed;
    if (!parsed.Parse(signature)) {
      ERR_clear_error();
      return false;
    }
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return ecdsa_verify(&point_, digest.size(), digest.data(), parsed.get()) == 1;
  }

 private:
  ecc_point point_;
};

}  // namespace

std::shared_ptr<const EcdsaVerifier> EcdsaVerifier::Make(std::string_view group,
                                                         std::span<const unsigned char> x,
                                                         std::span<const unsigned char> y) {
  const ecc_curve* const curve = FindCurve(group);
  if (curve == nullptr) return nullptr;
  auto verifier = std::make_shared<NettleVerifier>(curve);
  if (!verifier->SetPoint(Integer(x), Integer(y))) return nullptr;
  return verifier;
}

}  // namespace flwrcpp::internal
