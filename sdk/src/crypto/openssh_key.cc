// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/openssh_key.h"

#include <cstdint>

#include "crypto/encoding.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr std::string_view kWhitespace = " \t\r\n";

struct Curve {
  std::string_view key_type;
  std::string_view name;
  std::string_view group;
  std::size_t coordinate_size;
};
constexpr Curve kCurves[] = {
    {"ecdsa-sha2-nistp256", "nistp256", "P-256", 32},
    {"ecdsa-sha2-nistp384", "nistp384", "P-384", 48},
    {"ecdsa-sha2-nistp521", "nistp521", "P-521", 66},
};

/// Takes numbers and strings off the front of an SSH blob, never past its end.
class SshReader {
 public:
  explicit SshReader(std::string_view bytes) : rest_(bytes) {}

  StatusOr<std::uint32_t> ReadUint32() {
    if (rest_.size() < 4) return InvalidArgument("OpenSSH key is cut off");
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(4);
    return value;
  }

  StatusOr<std::string_view> ReadString() {
    FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t size, ReadUint32());
    if (rest_.size() < size) return InvalidArgument("OpenSSH key is cut off");
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

StatusOr<const Curve*> FindCurve(std::string_view key_type) {
  for (const Curve& curve : kCurves) {
    if (curve.key_type == key_type) return &curve;
  }
  return InvalidArgument("OpenSSH key is of type '{}', expected ecdsa-sha2-nistp256, 384 or 521",
                         key_type.substr(0, 64));
}

/// Reads what public and private keys have in common: key type, curve name, point.
StatusOr<OpensshKey> ReadPublicPart(SshReader& reader) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::string_view key_type, reader.ReadString());
  FLWRCPP_ASSIGN_OR_RETURN(const Curve* const curve, FindCurve(key_type));
  FLWRCPP_ASSIGN_OR_RETURN(const std::string_view name, reader.ReadString());
  if (name != curve->name) return InvalidArgument("OpenSSH key names two different curves");
  FLWRCPP_ASSIGN_OR_RETURN(const std::string_view point, reader.ReadString());
  if (point.size() != 1 + 2 * curve->coordinate_size || point[0] != 4) {
    return InvalidArgument("OpenSSH key has no uncompressed point of its curve");
  }
  return OpensshKey{std::string(curve->group), std::string(point), ""};
}

/// The base64 text between the armour lines, without line breaks.
StatusOr<std::string> Dearmour(std::string_view text) {
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos ||
      end < begin + kBegin.size()) {
    return InvalidArgument("OpenSSH key has no '{}' line", kEnd);
  }
  std::string base64;
  for (const char c : text.substr(begin + kBegin.size(), end - begin - kBegin.size())) {
    if (kWhitespace.find(c) == std::string_view::npos) base64 += c;
  }
  return Base64Decode(base64);
}

Status CheckPadding(std::string_view padding) {
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (static_cast<unsigned char>(padding[i]) != i + 1) {
      return InvalidArgument("OpenSSH key is damaged: wrong padding");
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsOpensshPrivateKey(std::string_view text) {
  return text.find(kBegin) != std::string_view::npos;
}

StatusOr<OpensshKey> ParseOpensshPrivateKey(std::string_view text) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::string blob, Dearmour(text));
  if (!std::string_view(blob).starts_with(kMagic)) {
    return InvalidArgument("OpenSSH key does not start with 'openssh-key-v1'");
  }
  SshReader reader(std::string_view(blob).substr(kMagic.size()));
  FLWRCPP_ASSIGN_OR_RETURN(const std::string_view cipher, reader.ReadString());
  FLWRCPP_ASSIGN_OR_RETURN(const std::string_view kdf, reader.ReadString());
  if (cipher != "none" || kdf != "none") {
    return InvalidArgument("private key is encrypted; expected one without passphrase");
  }
  FLWRCPP_RETURN_IF_ERROR(reader.ReadString().status());  // options of the key derivation
  FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t keys, reader.ReadUint32());
  if (keys != 1) return InvalidArgument("OpenSSH file holds {} keys, expected 1", keys);
  FLWRCPP_RETURN_IF_ERROR(reader.ReadString().status());  // the public key, repeated below
  FLWRCPP_ASSIGN_OR_RETURN(const std::string_view section, reader.ReadString());

  SshReader inner(section);
  FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t check1, inner.ReadUint32());
  FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t check2, inner.ReadUint32());
  if (check1 != check2) return InvalidArgument("OpenSSH key is damaged: check numbers differ");
  FLWRCPP_ASSIGN_OR_RETURN(OpensshKey key, ReadPublicPart(inner));
  FLWRCPP_ASSIGN_OR_RETURN(const std::string_view scalar, inner.ReadString());
  FLWRCPP_RETURN_IF_ERROR(inner.ReadString().status());  // comment
  FLWRCPP_RETURN_IF_ERROR(CheckPadding(inner.rest()));
  // The point is 1 + 2n bytes; an n-byte scalar may have a leading zero byte.
  if (scalar.empty() || scalar.size() > key.point.size() / 2 + 1) {
    return InvalidArgument("OpenSSH key has a private scalar of {} bytes", scalar.size());
  }
  key.scalar = std::string(scalar);
  return key;
}

StatusOr<OpensshKey> ParseOpensshPublicKey(std::string_view line) {
  const std::size_t type_end = line.find_first_of(kWhitespace);
  if (type_end == std::string_view::npos) return InvalidArgument("no OpenSSH public key");
  const std::size_t begin = line.find_first_not_of(kWhitespace, type_end);
  if (begin == std::string_view::npos) return InvalidArgument("no OpenSSH public key");
  const std::size_t end = line.find_first_of(kWhitespace, begin);
  FLWRCPP_RETURN_IF_ERROR(FindCurve(line.substr(0, type_end)).status());
  FLWRCPP_ASSIGN_OR_RETURN(
      const std::string blob,
      Base64Decode(line.substr(
          begin, end == std::string_view::npos ? std::string_view::npos : end - begin)));
  SshReader reader(blob);
  FLWRCPP_ASSIGN_OR_RETURN(OpensshKey key, ReadPublicPart(reader));
  if (!reader.rest().empty()) return InvalidArgument("OpenSSH public key has bytes after its end");
  return key;
}

}  // namespace flwrcpp::internal
