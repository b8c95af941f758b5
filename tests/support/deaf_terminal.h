// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ui.h>

namespace flwrcpp::testing {

/// Stands in for the terminal at which OpenSSL asks for passphrases: gives none and notes that it
/// was asked. One at a time in a process.
class DeafTerminal {
 public:
  DeafTerminal() {
    asked_ = false;
    UI_method_set_opener(method_, [](UI* /*ui*/) {
      asked_ = true;
      return 0;
    });
    UI_set_default_method(method_);
  }
  ~DeafTerminal() {
    UI_set_default_method(usual_);
    UI_destroy_method(method_);
  }
  DeafTerminal(const DeafTerminal&) = delete;
  DeafTerminal& operator=(const DeafTerminal&) = delete;

  bool asked() const { return asked_; }

 private:
  static inline bool asked_ = false;
  const UI_METHOD* const usual_ = UI_get_default_method();
  UI_METHOD* const method_ = UI_create_method("deaf");
};

}  // namespace flwrcpp::testing
