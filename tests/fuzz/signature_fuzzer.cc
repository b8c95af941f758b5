// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Signatures of nodes: ours must accept what OpenSSL accepts, and nothing else.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/ec_key.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {
namespace {

const testing::Json& Example() { return testing::Vectors().at("node_auth"); }

const std::string& SignedText() {
  static const std::string text = testing::FromHex(Example().at("signed_bytes_hex"));
  return text;
}

const std::string& PublicPem() {
  static const std::string pem = testing::FromHex(Example().at("public_key_pem_hex"));
  return pem;
}

EVP_PKEY* ReadWithOpenssl(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* const key = PEM_read_bio_PUBKEY(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  Require(key != nullptr, "OpenSSL reads the golden key");
  return key;
}

bool VerifyWithOpenssl(EVP_PKEY* key, std::string_view text, std::string_view signature) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const auto bytes = [](std::string_view view) {
    return reinterpret_cast<const unsigned char*>(view.data());
  };
  const bool valid =
      EVP_DigestVerifyInit_ex(context, nullptr, "SHA256", nullptr, nullptr, key, nullptr) == 1 &&
      EVP_DigestVerify(context, bytes(signature), signature.size(), bytes(text), text.size()) == 1;
  EVP_MD_CTX_free(context);
  ERR_clear_error();
  return valid;
}

}  // namespace

std::vector<std::string> Seeds() {
  return {testing::FromHex(Example().at("example_signature_der_hex"))};
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  static EVP_PKEY* const theirs = fuzz::ReadWithOpenssl(fuzz::PublicPem());
  static const internal::EcPublicKey ours = *internal::EcPublicKey::ParsePem(fuzz::PublicPem());
  const std::string_view signature = fuzz::AsText(data, size);
  fuzz::Require(ours.Verify(fuzz::SignedText(), signature) ==
                    fuzz::VerifyWithOpenssl(theirs, fuzz::SignedText(), signature),
                "a signature is valid for us where it is for OpenSSL");
  return 0;
}
