// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/status.h"
#include "flwrcpp/superlink.h"

namespace CLI {
class App;
}

namespace flwrcpp::hosting {

/// The part of a command line that says where a SuperLink listens, whom it admits and what it
/// keeps. Shared by every program that hosts one.
class HostingOptions {
 public:
  /// Adds the flags to `cli`, which keeps pointing at this object.
  void AddTo(CLI::App& cli);

  /// After parsing: checks the flags against each other and reads the files they name.
  Status Complete();

  /// For what a program decides by itself.
  SuperLinkOptions& superlink() { return superlink_; }

  /// Starts the SuperLink, registers the keys of `--register-supernode`, prints a readiness line
  /// for each listener and writes the `--ready-file`.
  StatusOr<std::unique_ptr<SuperLink>> Start() const;

 private:
  SuperLinkOptions superlink_;
  std::uint16_t port_ = 8000;
  double pull_wait_ = 20;
  std::string certificate_file_;
  std::string key_file_;
  std::vector<std::string> node_keys_;
  std::string ready_file_;
};

}  // namespace flwrcpp::hosting
