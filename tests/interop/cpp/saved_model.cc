// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/cpp/saved_model.h"

#include <fmt/format.h>

#include <fstream>
#include <system_error>

flwrcpp::Status SaveModel(const std::filesystem::path& folder, int server_round,
                          const flwrcpp::ArrayRecord& arrays) {
  const std::filesystem::path here = folder / fmt::format("round-{}", server_round);
  std::error_code error;
  std::filesystem::create_directories(here, error);
  for (const auto& [name, array] : arrays) {
    std::ofstream file(here / (name + ".npy"), std::ios::binary);
    file << array.Contiguous().view();
    file.close();
    if (!file) return {flwrcpp::StatusCode::kInternal, "cannot write to " + here.string()};
  }
  return {};
}
