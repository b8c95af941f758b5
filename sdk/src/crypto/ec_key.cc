// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/ec_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "crypto/openssh_key.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

/// Far above any EC key file; keeps hostile input out of the PEM decoder.
constexpr std::size_t kMaxKeyText = 64 * 1024;
constexpr std::string_view kWhitespace = " \t\r\n";

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_clear_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

EVP_PKEY* AsPkey(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

std::shared_ptr<void> Share(Pkey key) { return {key.release(), EVP_PKEY_free}; }

const unsigned char* Data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// OpenSSL's name of the curve; empty if `key` is no EC key on a named curve.
std::string GroupName(const EVP_PKEY* key) {
  char name[64];
  std::size_t size = 0;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key, name, sizeof name, &size) != 1) {
    return "";
  }
  return {name, size};
}

/// Notes that a passphrase is wanted and gives none.
int RefusePassphrase(char* /*buffer*/, int /*size*/, int /*for_writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::string PublicPem(EVP_PKEY* key) {
  // A key file may say "compressed"; Flower always writes the long form and compares text.
  EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                 OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED);
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_PUBKEY(bio.get(), key) != 1) throw std::bad_alloc();
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

/// Whether the point lies on its curve and, with `has_scalar`, belongs to the private scalar.
bool IsConsistent(EVP_PKEY* key, bool has_scalar) {
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr &&
         (has_scalar ? EVP_PKEY_check(context.get()) : EVP_PKEY_public_check(context.get())) == 1;
}

StatusOr<Pkey> MakePkey(const OpensshKey& parts) {
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  const BigNumber scalar(
      BN_bin2bn(Data(parts.scalar), static_cast<int>(parts.scalar.size()), nullptr));
  if (builder == nullptr || scalar == nullptr) throw std::bad_alloc();
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, parts.group.data(),
                                  parts.group.size());
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, parts.point.data(),
                                   parts.point.size());
  if (!parts.scalar.empty()) {
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get());
  }
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* raw = nullptr;
  const bool made = params != nullptr && context != nullptr &&
                    EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &raw,
                                      parts.scalar.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR,
                                      params.get()) == 1;
  Pkey key(raw);
  const bool valid = made && IsConsistent(key.get(), !parts.scalar.empty());
  ERR_clear_error();
  if (!valid) return InvalidArgument("OpenSSH key does not lie on its curve {}", parts.group);
  return key;
}

StatusOr<Pkey> ParsePrivatePem(std::string_view text) {
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (bio == nullptr) throw std::bad_alloc();
  bool passphrase_asked = false;
  Pkey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, RefusePassphrase, &passphrase_asked));
  ERR_clear_error();
  if (passphrase_asked) {
    return InvalidArgument("private key is encrypted; expected one without passphrase");
  }
  if (key == nullptr) {
    return InvalidArgument("no private key found; expected the text of a PEM or OpenSSH file");
  }
  return key;
}

/// Null when OpenSSL has to do it.
std::shared_ptr<const EcdsaVerifier> MakeVerifier(const EVP_PKEY* key) {
  const auto coordinate = [key](const char* name) {
    BIGNUM* number = nullptr;
    std::vector<unsigned char> bytes;
    if (EVP_PKEY_get_bn_param(key, name, &number) == 1) {
      bytes.resize(static_cast<std::size_t>(BN_num_bytes(number)));
      BN_bn2bin(number, bytes.data());
    }
    BN_free(number);
    return bytes;
  };
  const std::vector<unsigned char> x = coordinate(OSSL_PKEY_PARAM_EC_PUB_X);
  const std::vector<unsigned char> y = coordinate(OSSL_PKEY_PARAM_EC_PUB_Y);
  ERR_clear_error();
  return EcdsaVerifier::Make(GroupName(key), x, y);
}

}  // namespace

EcPrivateKey EcPrivateKey::Generate() {
  Pkey pkey(EVP_EC_gen("P-384"));
  if (pkey == nullptr) throw std::bad_alloc();
  EcPrivateKey key;
  key.public_pem_ = PublicPem(pkey.get());
  key.key_ = Share(std::move(pkey));
  return key;
}

StatusOr<EcPrivateKey> EcPrivateKey::Parse(std::string_view text) {
  if (text.size() > kMaxKeyText) {
    return InvalidArgument("private key text has {} bytes, more than {}", text.size(), kMaxKeyText);
  }
  Pkey pkey;
  if (IsOpensshPrivateKey(text)) {
    FLWRCPP_ASSIGN_OR_RETURN(const OpensshKey parts, ParseOpensshPrivateKey(text));
    FLWRCPP_ASSIGN_OR_RETURN(pkey, MakePkey(parts));
  } else {
    FLWRCPP_ASSIGN_OR_RETURN(pkey, ParsePrivatePem(text));
  }
  if (GroupName(pkey.get()).empty()) {
    return InvalidArgument("private key is no elliptic-curve key on a named curve");
  }
  const bool consistent = IsConsistent(pkey.get(), true);
  ERR_clear_error();
  if (!consistent) return InvalidArgument("private key is damaged: its two halves do not match");
  EcPrivateKey key;
  key.public_pem_ = PublicPem(pkey.get());
  key.key_ = Share(std::move(pkey));
  return key;
}

std::string EcPrivateKey::Sign(std::string_view bytes) const {
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(AsPkey(key_)));
  std::string signature(size, '\0');
  if (context == nullptr ||
      EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, AsPkey(key_),
                            nullptr) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     Data(bytes), bytes.size()) != 1) {
    throw std::bad_alloc();  // the key was checked when it was made
  }
  signature.resize(size);
  return signature;
}

SecretBytes EcPrivateKey::PrivatePem() const {
  const Bio bio(BIO_new(BIO_s_mem()));  // OpenSSL overwrites its memory in the end
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), AsPkey(key_), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    throw std::bad_alloc();
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, text + size};
}

StatusOr<SecretBytes> EcPrivateKey::Agree(const EcPublicKey& peer) const {
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, AsPkey(key_), nullptr));
  std::size_t size = 0;
  // Setting the peer also checks that its point is on the curve.
  bool agreed = context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
                EVP_PKEY_derive_set_peer(context.get(), AsPkey(peer.key_)) == 1 &&
                EVP_PKEY_derive(context.get(), nullptr, &size) == 1;
  SecretBytes secret(size);
  agreed = agreed && EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(secret.data()),
                                     &size) == 1;
  ERR_clear_error();
  if (!agreed) {
    return InvalidArgument("no secret can be agreed between a key on {} and one on {}",
                           GroupName(AsPkey(key_)), GroupName(AsPkey(peer.key_)));
  }
  secret.resize(size);
  return secret;
}

StatusOr<EcPublicKey> EcPublicKey::ParsePem(std::string_view pem) {
  if (pem.size() > kMaxKeyText) {
    return InvalidArgument("public key text has {} bytes, more than {}", pem.size(), kMaxKeyText);
  }
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) throw std::bad_alloc();
  bool passphrase_asked = false;  // without a callback OpenSSL would ask at the terminal
  Pkey pkey(PEM_read_bio_PUBKEY(bio.get(), nullptr, RefusePassphrase, &passphrase_asked));
  ERR_clear_error();
  if (pkey == nullptr) return InvalidArgument("no public key in PEM format found");
  if (GroupName(pkey.get()).empty()) {
    return InvalidArgument("public key is no elliptic-curve key on a named curve");
  }
  return EcPublicKey(Share(std::move(pkey)), std::string(pem));
}

StatusOr<EcPublicKey> EcPublicKey::Parse(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kWhitespace), text.size()));
  if (text.starts_with("-----")) {
    FLWRCPP_ASSIGN_OR_RETURN(EcPublicKey key, ParsePem(text));
    key.pem_ = PublicPem(AsPkey(key.key_));
    return key;
  }
  if (text.size() > kMaxKeyText) {
    return InvalidArgument("public key text has {} bytes, more than {}", text.size(), kMaxKeyText);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const OpensshKey parts, ParseOpensshPublicKey(text));
  FLWRCPP_ASSIGN_OR_RETURN(Pkey pkey, MakePkey(parts));
  std::string pem = PublicPem(pkey.get());
  return EcPublicKey(Share(std::move(pkey)), std::move(pem));
}

EcPublicKey::EcPublicKey(std::shared_ptr<void> key, std::string pem)
    : key_(std::move(key)), pem_(std::move(pem)), verifier_(MakeVerifier(AsPkey(key_))) {}

bool EcPublicKey::Verify(std::string_view bytes, std::string_view signature) const {
  if (verifier_ != nullptr) return verifier_->Verify(bytes, signature);
  const DigestContext context(EVP_MD_CTX_new());
  const bool valid = context != nullptr &&
                     EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr,
                                             AsPkey(key_), nullptr) == 1 &&
                     EVP_DigestVerify(context.get(), Data(signature), signature.size(), Data(bytes),
                                      bytes.size()) == 1;
  if (!valid) ERR_clear_error();
  return valid;
}

bool EcPublicKey::is_p384() const { return GroupName(AsPkey(key_)) == "secp384r1"; }

bool EcPublicKey::is_nist_curve() const {
  const std::string group = GroupName(AsPkey(key_));
  for (const std::string_view curve :
       {"prime192v1", "secp224r1", "prime256v1", "secp384r1", "secp521r1"}) {
    if (group == curve) return true;
  }
  return false;
}

}  // namespace flwrcpp::internal
