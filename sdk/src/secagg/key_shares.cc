// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/key_shares.h"

#include <cstddef>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "secagg/shamir.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kHeadBytes = 2 * kIdBytes + kLengthBytes;

void AppendNumber(std::uint64_t number, std::size_t bytes, SecretBytes& out) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> (8 * i) & 255));
}

std::uint64_t ReadNumber(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

}  // namespace

SecretBytes WriteKeyShares(const KeyShares& shares) {
  SecretBytes out;
  out.reserve(kHeadBytes + shares.rd_seed_share.size() + shares.sk1_share.size());
  AppendNumber(shares.src_node_id, kIdBytes, out);
  AppendNumber(shares.dst_node_id, kIdBytes, out);
  AppendNumber(shares.rd_seed_share.size(), kLengthBytes, out);
  out.insert(out.end(), shares.rd_seed_share.begin(), shares.rd_seed_share.end());
  out.insert(out.end(), shares.sk1_share.begin(), shares.sk1_share.end());
  return out;
}

StatusOr<KeyShares> ReadKeyShares(std::string_view plaintext) {
  if (plaintext.size() < kHeadBytes) {
    return InvalidArgument("key shares have {} bytes, expected at least {}", plaintext.size(),
                           kHeadBytes);
  }
  KeyShares shares;
  shares.src_node_id = ReadNumber(plaintext.substr(0, kIdBytes));
  shares.dst_node_id = ReadNumber(plaintext.substr(kIdBytes, kIdBytes));
  const std::uint64_t length = ReadNumber(plaintext.substr(2 * kIdBytes, kLengthBytes));
  const std::string_view rest = plaintext.substr(kHeadBytes);
  if (length > rest.size()) {
    return InvalidArgument("a share should have {} bytes, {} are left", length, rest.size());
  }
  shares.rd_seed_share = ToSecret(rest.substr(0, length));
  shares.sk1_share = ToSecret(rest.substr(length));
  FLWRCPP_RETURN_IF_ERROR(CheckShare(AsView(shares.rd_seed_share)).status());
  FLWRCPP_RETURN_IF_ERROR(CheckShare(AsView(shares.sk1_share)).status());
  return shares;
}

}  // namespace flwrcpp::internal::secagg
