// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/fernet.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <memory>
#include <new>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr char kVersion = '\x80';
constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kHeadBytes = 1 + kTimeBytes + kFernetIvBytes;
constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kHmacBytes = 32;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMaxTokenBytes = 64 * 1024;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

const unsigned char* Data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

StatusOr<SecretBytes> DecodeKey(std::string_view key) {
  StatusOr<std::string> text = Base64UrlDecode(key);
  if (!text.ok() || text->size() != kKeyBytes) {
    return InvalidArgument("Fernet key is not {} bytes in URL-safe base64", kKeyBytes);
  }
  SecretBytes bytes = ToSecret(*text);
  OPENSSL_cleanse(text->data(), text->size());
  return bytes;
}

std::string_view SigningKey(const SecretBytes& key) { return AsView(key).substr(0, kKeyBytes / 2); }
std::string_view EncryptionKey(const SecretBytes& key) { return AsView(key).substr(kKeyBytes / 2); }

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Data(text), text.size(),
           out.data(), &size) == nullptr) {
    throw std::bad_alloc();
  }
  return {reinterpret_cast<const char*>(out.data()), size};
}

/// AES-128-CBC with padding as in PKCS#7. Empty if the padding is wrong.
SecretBytes Crypt(std::string_view key, std::string_view iv, std::string_view text, bool encrypt) {
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context(EVP_CIPHER_CTX_new());
  SecretBytes out(text.size() + kBlockBytes);
  unsigned char* const begin = reinterpret_cast<unsigned char*>(out.data());
  int size = 0;
  int rest = 0;
  if (context == nullptr || EVP_CipherInit_ex2(context.get(), EVP_aes_128_cbc(), Data(key),
                                               Data(iv), encrypt ? 1 : 0, nullptr) != 1) {
    throw std::bad_alloc();
  }
  const bool good = EVP_CipherUpdate(context.get(), begin, &size, Data(text),
                                     static_cast<int>(text.size())) == 1 &&
                    EVP_CipherFinal_ex(context.get(), begin + size, &rest) == 1;
  ERR_clear_error();
  out.resize(good ? static_cast<std::size_t>(size + rest) : 0);
  return out;
}

}  // namespace

StatusOr<std::string> FernetEncrypt(std::string_view key, std::string_view plaintext,
                                    std::uint64_t unix_seconds, std::string_view iv) {
  FLWRCPP_ASSIGN_OR_RETURN(const SecretBytes secret, DecodeKey(key));
  if (iv.size() != kFernetIvBytes || plaintext.size() > kMaxTokenBytes / 2) {
    return InvalidArgument("Fernet: an IV of {} bytes for a text of {}", iv.size(),
                           plaintext.size());
  }
  std::string token(1, kVersion);
  for (std::size_t i = 0; i < kTimeBytes; ++i) {
    token += static_cast<char>(unix_seconds >> (8 * (kTimeBytes - 1 - i)) & 255);
  }
  token += iv;
  token += AsView(Crypt(EncryptionKey(secret), iv, plaintext, true));
  token += Hmac(SigningKey(secret), token);
  return Base64UrlEncode(token);
}

StatusOr<SecretBytes> FernetDecrypt(std::string_view key, std::string_view token) {
  FLWRCPP_ASSIGN_OR_RETURN(const SecretBytes secret, DecodeKey(key));
  if (token.size() > kMaxTokenBytes) {
    return InvalidArgument("Fernet token has {} bytes, expected at most {}", token.size(),
                           kMaxTokenBytes);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const std::string bytes, Base64UrlDecode(token));
  if (bytes.size() < kHeadBytes + kBlockBytes + kHmacBytes || bytes[0] != kVersion ||
      (bytes.size() - kHeadBytes - kHmacBytes) % kBlockBytes != 0) {
    return InvalidArgument("Fernet token of {} bytes is damaged", bytes.size());
  }
  const std::string_view all = bytes;
  const std::string_view body = all.substr(0, all.size() - kHmacBytes);
  const std::string expected = Hmac(SigningKey(secret), body);
  if (CRYPTO_memcmp(expected.data(), all.substr(body.size()).data(), kHmacBytes) != 0) {
    return InvalidArgument("Fernet token was changed, or made with another key");
  }
  SecretBytes plaintext = Crypt(EncryptionKey(secret), body.substr(1 + kTimeBytes, kFernetIvBytes),
                                body.substr(kHeadBytes), false);
  if (plaintext.empty()) return InvalidArgument("Fernet token holds no text, or wrong padding");
  return plaintext;
}

}  // namespace flwrcpp::internal::secagg
