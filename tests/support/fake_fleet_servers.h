// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "tests/support/fake_fleet.h"
#include "tests/support/fake_http_server.h"

namespace flwrcpp::testing {

/// Puts a FakeFleet on an HTTP server. Checks the signature of each call as a SuperLink does.
class HttpFleetServer {
 public:
  explicit HttpFleetServer(FakeFleet& fleet);
  std::string address() const { return server_.address(); }

 private:
  FakeHttpServer server_;
};

/// Puts a FakeFleet on a gRPC server made from Flower's own service description.
class GrpcFleetServer {
 public:
  explicit GrpcFleetServer(FakeFleet& fleet);
  ~GrpcFleetServer();
  std::string address() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flwrcpp::testing
