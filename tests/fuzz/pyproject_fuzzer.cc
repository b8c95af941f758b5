// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// The pyproject.toml of an app.

#include <google/protobuf/stubs/logging.h>

#include "flwr/proto/run.pb.h"
#include "records/pyproject.h"
#include "records/wire.h"
#include "tests/fuzz/fuzzer.h"

namespace flwrcpp::fuzz {
namespace {

/// protobuf prints what it refuses.
const google::protobuf::LogSilencer kSilence;

}  // namespace

std::vector<std::string> Seeds() {
  return {
      R"([project]
name = "app"
version = "1.0.0"
dependencies = ["flwr[simulation]>=1.19.0", 'numpy']
license = { file = "LICENSE" }
[tool.flwr.app]
publisher = "flwrlabs"
fab-include = ["**/*.txt"]
fab-format-version = 1
flwr-version-target = "1.42.0"
[tool.flwr.app.components]
serverapp = "app.server:app"
clientapp = "app.client:app"
[tool.flwr.app.config]
num-server-rounds = 3
fraction-fit = 0.5
"quoted key" = """many
lines"""
flag = true
[tool.flwr.app.config.optimizer]
momentum = 9e-1
[tool.flwr.app.config.optimizer.deep]
er = 0x1F
)",
      "tool.flwr.app.config = { lr = 0.1, a.b = 'x', c = { d = -inf } }\n",
      "[tool.flwr.app.config]\nwhen = 1979-05-27T07:32:00-08:00\n",
      "[[tool.flwr.app.config]]\nx = [1, 2, [3, {y = nan}]]\n",
      "[tool.flwr.app.config]\ns = \"\\u00e9\\t\\\\ \xc3\xa9\"\ni = 1_000\n",
  };
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  using fuzz::Require;
  const StatusOr<UserConfig> config = internal::ReadAppConfig(fuzz::AsText(data, size));
  const StatusOr<internal::FabInfo> info = internal::ReadAppInfo(fuzz::AsText(data, size));
  Require(!info.ok() || (config.ok() && *config == info->config), "an app has one config");
  if (!config.ok()) return 0;

  internal::ScalarMap proto;
  internal::ToProto(*config, proto);
  Require(proto.size() == config->size(), "a run config holds nothing but scalars");
  flwr::proto::Run run;
  *run.mutable_override_config() = proto;
  Require(flwr::proto::Run().ParseFromString(run.SerializeAsString()),
          "a run config can be sent to a peer");
  return 0;
}
