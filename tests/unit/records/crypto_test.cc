// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "crypto/ec_key.h"
#include "crypto/encoding.h"
#include "crypto/node_auth.h"
#include "crypto/sha256.h"
#include "tests/support/deaf_terminal.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::DeafTerminal;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

std::string ReadKey(const std::string& name) {
  std::ifstream file(std::string(FLWRCPP_GOLDEN_DIR) + "/keys/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

// What flwr 1.42.0 sent: see `node_auth` in the golden vectors.
constexpr char kFlwrPublicKey[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEaGJq9bx4pYPaFa1zpyloLq7cjk1zT8sG\n"
    "iC7sXBXZvtLNtlIJoPPU5N1gKGZLHK8eu3TlooCnIZRykvy7hSqweDC4YVHFPN4l\n"
    "htzztkKS0foLjmkD+xvgbdGweqh28eJA\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kFlwrTimestamp[] = "2025-06-15T15:06:40.250000+00:00";
constexpr double kFlwrTime = 1750000000.25;
constexpr char kFlwrSignature[] =
    "MGYCMQDfrKXlnpqWnEaugJh/Vz8vDSrCABtQE+LPCUT5Xefw43mcVmw0jiBkTc8CKRCRcVkCMQCOqA6a2XmUDtQ2vrZb"
    "cmIN/xVoIhRCIHSnxrd37FFB9sn/ulmofBBHR9tMVNbEfzw=";

TEST(Sha256, AgreesWithPublishedDigests) {
  EXPECT_EQ(Sha256::Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256::Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  const std::string bytes(1000, 'x');
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 37) {
    Sha256 hash;
    hash.Update(std::string_view(bytes).substr(0, cut));
    Sha256 moved = std::move(hash);
    moved.Update(std::string_view(bytes).substr(cut));

    EXPECT_EQ(moved.HexDigest(), Sha256::Hex(bytes)) << cut;
  }
}

TEST(Encoding, HexIsLowerCase) { EXPECT_EQ(HexEncode(std::string("\x00\xaf\xff", 3)), "00afff"); }

TEST(Encoding, ObjectIdsAreSixtyFourHexDigits) {
  EXPECT_TRUE(IsObjectId(std::string(64, 'a')));
  EXPECT_TRUE(IsObjectId(std::string(64, 'F')));
  EXPECT_FALSE(IsObjectId(std::string(63, 'a')));
  EXPECT_FALSE(IsObjectId(std::string(65, 'a')));
  EXPECT_FALSE(IsObjectId(std::string(63, 'a') + "g"));
  EXPECT_FALSE(IsObjectId(""));
}

TEST(Encoding, Base64FollowsTheExamplesOfRfc4648) {
  const std::pair<std::string, std::string> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"},
                                                          {"\xfb\xff", "+/8="}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(Base64Encode(bytes), text);
    const StatusOr<std::string> decoded = Base64Decode(text);
    ASSERT_THAT(decoded, IsOk()) << text;
    EXPECT_EQ(*decoded, bytes);
  }
}

TEST(Encoding, Base64RefusesForeignCharactersAndWrongPadding) {
  for (const char* text :
       {"Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm-_", "Zm 9", "=Zm9"}) {
    EXPECT_THAT(Base64Decode(text), StatusIs(StatusCode::kInvalidArgument)) << text;
  }
}

TEST(Encoding, RandomIdsDifferAndUuidsHaveTheirForm) {
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 100; ++i) ids.insert(RandomId());
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_FALSE(ids.contains(0) || ids.contains(1));

  const std::string uuid = RandomUuid();
  EXPECT_THAT(uuid, ::testing::MatchesRegex(
                        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_NE(uuid, RandomUuid());
}

TEST(EcPrivateKey, GeneratesP384KeysThatVerify) {
  const EcPrivateKey key = EcPrivateKey::Generate();

  EXPECT_EQ(key.public_pem().size(), 215U);  // as Python's P-384 keys
  const StatusOr<EcPublicKey> public_key = EcPublicKey::ParsePem(key.public_pem());
  ASSERT_THAT(public_key, IsOk());
  EXPECT_TRUE(public_key->Verify("text", key.Sign("text")));
  EXPECT_FALSE(public_key->Verify("texT", key.Sign("text")));
  EXPECT_FALSE(public_key->Verify("text", EcPrivateKey::Generate().Sign("text")));
  EXPECT_FALSE(public_key->Verify("text", "no signature"));
}

/// A fresh key of a curve, as PEM.
std::string MakeKey(const char* curve) {
  EVP_PKEY* const key = EVP_EC_gen(curve);
  BIO* const file = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(file, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(file);
  EVP_PKEY_free(key);
  return pem;
}

TEST(EcPublicKey, AcceptsOneEncodingOfASignatureOnEveryCurve) {
  for (const char* curve : {"P-256", "P-384", "P-521", "P-224", "brainpoolP384r1"}) {
    const auto key = EcPrivateKey::Parse(MakeKey(curve));
    ASSERT_THAT(key, IsOk()) << curve;
    const EcPublicKey public_key = *EcPublicKey::ParsePem(key->public_pem());
    // Of many, so that r and s have leading zeros and leading ones.
    for (int i = 0; i < 50; ++i) {
      const std::string text = std::to_string(i);
      const std::string signature = key->Sign(text);
      ASSERT_TRUE(public_key.Verify(text, signature)) << curve;
      ASSERT_FALSE(public_key.Verify(text + " ", signature)) << curve;
      ASSERT_FALSE(public_key.Verify(text, signature + '\0')) << curve;
      ASSERT_FALSE(public_key.Verify(text, signature.substr(0, signature.size() - 1))) << curve;
    }
    const std::string signature = key->Sign("text");
    for (std::size_t i = 0; i < signature.size(); ++i) {
      for (const int bit : {1, 128}) {
        std::string changed = signature;
        changed[i] = static_cast<char>(changed[i] ^ bit);
        EXPECT_FALSE(public_key.Verify("text", changed)) << curve << ", byte " << i;
      }
    }
    if (signature[1] >= 0) {  // a short length, which could be written longer
      EXPECT_FALSE(public_key.Verify("text", "\x30\x81" + signature.substr(1))) << curve;
    }
    for (const char* numbers :
         {"\x02\x01\x00\x02\x01\x00", "\x02\x01\x01\x02\x01\x00", "\x02\x01\xff\x02\x01\x01"}) {
      const std::string degenerate = "\x30\x06" + std::string(numbers, 6);
      EXPECT_FALSE(public_key.Verify("text", degenerate)) << curve;
    }
  }
}

TEST(EcPrivateKey, ReadsWhatPythonAndOpensshWrote) {
  const std::pair<const char*, const char*> files[] = {
      {"p256.openssh", "p256.public.pem"},  {"p384.openssh", "p384.public.pem"},
      {"p521.openssh", "p521.public.pem"},  {"p384.pkcs8.pem", "p384.public.pem"},
      {"p384.sec1.pem", "p384.public.pem"},
  };
  for (const auto& [private_file, public_file] : files) {
    SCOPED_TRACE(private_file);
    const StatusOr<EcPrivateKey> key = EcPrivateKey::Parse(ReadKey(private_file));

    ASSERT_THAT(key, IsOk());
    EXPECT_EQ(key->public_pem(), ReadKey(public_file));
    const StatusOr<EcPublicKey> public_key = EcPublicKey::ParsePem(ReadKey(public_file));
    ASSERT_THAT(public_key, IsOk());
    EXPECT_TRUE(public_key->Verify("text", key->Sign("text")));
  }
}

TEST(EcPrivateKey, ReadsWhatSshKeygenWrote) {
  const StatusOr<EcPrivateKey> key = EcPrivateKey::Parse(ReadKey("p384.ssh-keygen.openssh"));
  const StatusOr<EcPublicKey> public_key =
      EcPublicKey::Parse(ReadKey("p384.ssh-keygen.openssh.pub"));

  ASSERT_THAT(key, IsOk());
  ASSERT_THAT(public_key, IsOk());
  EXPECT_EQ(key->public_pem(), public_key->pem());
}

TEST(EcPrivateKey, SaysWhyAKeyIsRefused) {
  EXPECT_THAT(EcPrivateKey::Parse(ReadKey("p384.encrypted.pem")),
              StatusIs(StatusCode::kInvalidArgument, "encrypted"));
  EXPECT_THAT(EcPrivateKey::Parse(ReadKey("p384.encrypted.openssh")),
              StatusIs(StatusCode::kInvalidArgument, "encrypted"));
  EXPECT_THAT(EcPrivateKey::Parse(ReadKey("ed25519.openssh")),
              StatusIs(StatusCode::kInvalidArgument, "ssh-ed25519"));
  EXPECT_THAT(EcPrivateKey::Parse(ReadKey("ed25519.pkcs8.pem")),
              StatusIs(StatusCode::kInvalidArgument, "elliptic-curve"));
  EXPECT_THAT(EcPrivateKey::Parse(ReadKey("p384.public.pem")),
              StatusIs(StatusCode::kInvalidArgument, "no private key"));
  EXPECT_THAT(EcPrivateKey::Parse(""), StatusIs(StatusCode::kInvalidArgument, "no private key"));
  EXPECT_THAT(EcPrivateKey::Parse(std::string(1 << 20, 'x')),
              StatusIs(StatusCode::kInvalidArgument, "more than"));
}

TEST(EcPrivateKey, RefusesEveryTruncationAndEveryFlippedByteOfAnOpensshKey) {
  const std::string begin = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  const std::string end = "\n-----END OPENSSH PRIVATE KEY-----\n";
  std::string base64 = ReadKey("p384.openssh");
  base64 = base64.substr(begin.size(), base64.find(end) - begin.size());
  std::erase(base64, '\n');
  const std::string blob = *Base64Decode(base64);
  ASSERT_THAT(EcPrivateKey::Parse(begin + Base64Encode(blob) + end), IsOk());

  for (std::size_t size = 0; size < blob.size(); ++size) {
    EXPECT_THAT(EcPrivateKey::Parse(begin + Base64Encode(blob.substr(0, size)) + end),
                StatusIs(StatusCode::kInvalidArgument))
        << size;
  }
  // The inner section; the outer copy of the public key is not looked at.
  for (std::size_t i = blob.rfind("ecdsa-sha2-nistp384"); i < blob.size(); ++i) {
    std::string damaged = blob;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_THAT(EcPrivateKey::Parse(begin + Base64Encode(damaged) + end),
                StatusIs(StatusCode::kInvalidArgument))
        << i;
  }
}

TEST(EcPrivateKey, RefusesAPemKeyWhosePublicHalfIsAnother) {
  const std::string begin = "-----BEGIN EC PRIVATE KEY-----\n";
  const std::string end = "\n-----END EC PRIVATE KEY-----\n";
  std::string base64 = ReadKey("p384.sec1.pem");
  base64 = base64.substr(begin.size(), base64.find(end) - begin.size());
  std::erase(base64, '\n');
  std::string der = *Base64Decode(base64);
  ASSERT_THAT(EcPrivateKey::Parse(begin + Base64Encode(der) + end), IsOk());

  der[20] = static_cast<char>(der[20] ^ 0x10);  // in the private scalar

  EXPECT_THAT(EcPrivateKey::Parse(begin + Base64Encode(der) + end),
              StatusIs(StatusCode::kInvalidArgument, "do not match"));
}

TEST(EcPublicKey, ReadsOneLineOpensshKeysAsPem) {
  for (const char* name : {"p256", "p384", "p521"}) {
    SCOPED_TRACE(name);
    const std::string line = ReadKey(std::string(name) + ".openssh.pub");
    for (const std::string& text : {line, line + " user@host\n"}) {
      const StatusOr<EcPublicKey> key = EcPublicKey::Parse(text);

      ASSERT_THAT(key, IsOk());
      EXPECT_EQ(key->pem(), ReadKey(std::string(name) + ".public.pem"));
      EXPECT_TRUE(key->is_nist_curve());
    }
  }
}

TEST(EcPublicKey, PemIsKeptVerbatimWhereItIsCompared) {
  const std::string padded = std::string(kFlwrPublicKey) + "\n";

  EXPECT_EQ(EcPublicKey::ParsePem(padded)->pem(), padded);
  EXPECT_EQ(EcPublicKey::Parse("\n" + padded)->pem(), kFlwrPublicKey);
}

TEST(EcPublicKey, RefusesWhatIsNoEcKey) {
  for (const std::string& text :
       {std::string(), std::string("ssh-ed25519 AAAA"), std::string("ecdsa-sha2-nistp384"),
        std::string("ecdsa-sha2-nistp384 "), std::string("ecdsa-sha2-nistp384 AAAA"),
        ReadKey("p384.pkcs8.pem"), std::string("-----BEGIN PUBLIC KEY-----\n")}) {
    EXPECT_THAT(EcPublicKey::Parse(text), StatusIs(StatusCode::kInvalidArgument)) << text;
  }
}

// Found by fuzzing: a peer's key made OpenSSL ask for a passphrase at the SuperLink's terminal.
TEST(EcPublicKey, AnEncryptedOneAsksNobodyForAPassphrase) {
  const DeafTerminal terminal;

  const StatusOr<EcPublicKey> key = EcPublicKey::ParsePem(
      "-----BEGIN PUBLIC KEY-----\n"
      "Proc-Type: 4,ENCRYPTED\n"
      "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n"
      "\n"
      "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEaGJq9bx4pYPaFa1zpyloLq7cjk1zT8sG\n"
      "-----END PUBLIC KEY-----\n");

  EXPECT_THAT(key, StatusIs(StatusCode::kInvalidArgument, "no public key"));
  EXPECT_FALSE(terminal.asked());
}

TEST(Timestamp, IsWrittenAsPythonWritesIt) {
  EXPECT_EQ(FormatTimestamp(kFlwrTime), kFlwrTimestamp);
  EXPECT_EQ(FormatTimestamp(0), "1970-01-01T00:00:00.000000+00:00");
  EXPECT_EQ(FormatTimestamp(951782400), "2000-02-29T00:00:00.000000+00:00");
}

TEST(Timestamp, IsReadInTheSpellingsThatPeersUse) {
  const std::pair<const char*, double> stamps[] = {
      {"2025-06-15T15:06:40.250000+00:00", kFlwrTime},
      {"2025-06-15T15:06:40+00:00", 1750000000},
      {"2025-06-15T15:06:40.25Z", kFlwrTime},
      {"2025-06-15 15:06:40,250+00", kFlwrTime},
      {"2025-06-15T17:36:40.250000000+02:30", kFlwrTime},
      {"2025-06-15T12:06:40.25-0300", kFlwrTime},
  };
  for (const auto& [text, seconds] : stamps) {
    const StatusOr<double> time = ParseTimestamp(text);
    ASSERT_THAT(time, IsOk()) << text;
    EXPECT_NEAR(*time, seconds, 1e-6) << text;
  }
}

TEST(Timestamp, IsRefusedWithoutOffsetOrWithNonsense) {
  for (const char* text :
       {"", "now", "2025-06-15T15:06:40.250000", "2025-06-15T15:06:40z", "2025-06-15",
        "2025-02-29T15:06:40Z", "2025-13-15T15:06:40Z", "2025-06-15T24:06:40Z",
        "2025-06-15T15:06:40.Z", "2025-06-15T15:06:40Z ", "2025-06-15T15:06:40+1", "1750000000"}) {
    EXPECT_THAT(ParseTimestamp(text), StatusIs(StatusCode::kInvalidArgument)) << text;
  }
  EXPECT_THAT(ParseTimestamp("2025-06-15T15:06:40." + std::string(1000, '1') + "Z"),
              StatusIs(StatusCode::kInvalidArgument, "too long"));
}

TEST(NodeAuth, AcceptsWhatFlwrSigned) {
  const EcPublicKey key = *EcPublicKey::ParsePem(kFlwrPublicKey);
  const NodeCredentials credentials{kFlwrPublicKey, kFlwrTimestamp, *Base64Decode(kFlwrSignature)};

  EXPECT_THAT(VerifyCredentials(credentials, key, kFlwrTime), IsOk());
}

TEST(NodeAuth, AcceptsItsOwnSignaturesWithinTheAgeFlowerAllows) {
  const EcPrivateKey key = EcPrivateKey::Generate();
  const EcPublicKey public_key = *EcPublicKey::ParsePem(key.public_pem());
  const NodeCredentials credentials = SignNow(key, 1000);

  EXPECT_EQ(credentials.public_pem, key.public_pem());
  EXPECT_THAT(VerifyCredentials(credentials, public_key, 1000 - 4.9), IsOk());
  EXPECT_THAT(VerifyCredentials(credentials, public_key, 1000 + 304.9), IsOk());
  EXPECT_THAT(VerifyCredentials(credentials, public_key, 1000 - 5),
              StatusIs(StatusCode::kUnauthenticated, "timestamp"));
  EXPECT_THAT(VerifyCredentials(credentials, public_key, 1000 + 305),
              StatusIs(StatusCode::kUnauthenticated, "timestamp"));
}

TEST(NodeAuth, RefusesASignatureOverAnotherTimestamp) {
  const EcPrivateKey key = EcPrivateKey::Generate();
  const EcPublicKey public_key = *EcPublicKey::ParsePem(key.public_pem());
  NodeCredentials credentials = SignNow(key, 1000);
  credentials.timestamp = FormatTimestamp(1001);

  EXPECT_THAT(VerifyCredentials(credentials, public_key, 1000),
              StatusIs(StatusCode::kUnauthenticated, "signature"));
  credentials.timestamp = "yesterday";
  EXPECT_THAT(VerifyCredentials(credentials, public_key, 1000),
              StatusIs(StatusCode::kUnauthenticated, "timestamp"));
}

}  // namespace
}  // namespace flwrcpp::internal
