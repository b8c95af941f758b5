// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Models of XGBoost that nodes send, and what is made of them.

#include "strategy/xgboost_model.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const testing::Json golden = testing::ReadGoldenJson("xgboost.json");
  for (const auto& golden_case : golden.at("cases")) {
    for (const auto& reply : golden_case.at("replies")) seeds.push_back(reply.get<std::string>());
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  const std::string text(fuzz::AsText(data, size));
  auto model = internal::XgboostModel::Parse(text);
  if (!model.ok()) return 0;

  auto added = internal::XgboostModel::Parse(text);
  fuzz::Require(added.ok(), "what was read once is read again");
  model->AppendIteration(*std::move(added));

  fuzz::Require(internal::XgboostModel::Parse(model->Text()).ok(),
                "what was made of a model is a model");
  return 0;
}
