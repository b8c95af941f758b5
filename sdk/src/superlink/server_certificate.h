// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace flwrcpp::internal {

/// PEM texts of a server's certificate chain and its key.
struct ServerCertificate {
  std::string chain;
  std::string private_key;
};

}  // namespace flwrcpp::internal
