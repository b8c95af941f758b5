// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/shared_key.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr std::size_t kKeyBytes = 32;
/// Those of P-384 have 215.
constexpr std::size_t kMaxPemBytes = 4096;

struct FreeKdf {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

SecretBytes Hkdf(SecretBytes secret) {
  const std::unique_ptr<EVP_KDF, FreeKdf> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(kdf == nullptr ? nullptr
                                                                     : EVP_KDF_CTX_new(kdf.get()));
  char digest[] = "SHA256";
  const std::array params = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_end()};
  SecretBytes key(kKeyBytes);
  if (context == nullptr ||
      EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(key.data()), key.size(),
                     params.data()) != 1) {
    throw std::bad_alloc();
  }
  return key;
}

}  // namespace

StatusOr<EcPublicKey> ParsePublicKey(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) {
    return InvalidArgument("public key of {} bytes, expected at most {}", pem.size(), kMaxPemBytes);
  }
  FLWRCPP_ASSIGN_OR_RETURN(EcPublicKey key, EcPublicKey::ParsePem(pem));
  if (!key.is_p384()) return InvalidArgument("public key is not on P-384");
  return key;
}

StatusOr<SecretBytes> GenerateSharedKey(const EcPrivateKey& own, const EcPublicKey& peer) {
  FLWRCPP_ASSIGN_OR_RETURN(SecretBytes secret, own.Agree(peer));
  const SecretBytes key = Hkdf(std::move(secret));
  std::string text = Base64UrlEncode(AsView(key));
  SecretBytes shared = ToSecret(text);
  OPENSSL_cleanse(text.data(), text.size());
  return shared;
}

}  // namespace flwrcpp::internal::secagg
