// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace flwrcpp::testing {

/// A fresh self-signed certificate in PEM; a client trusts it by taking `certificate` as root
/// certificates.
struct TestCertificate {
  std::string certificate;
  std::string private_key;
};

/// @param names whom it is for, as OpenSSL writes them.
TestCertificate MakeTestCertificate(const std::string& names = "IP:127.0.0.1,DNS:localhost");

}  // namespace flwrcpp::testing
