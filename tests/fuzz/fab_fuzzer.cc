// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// FABs: zip files of which the pyproject.toml is read.

#include "records/fab.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/test_fab.h"

namespace flwrcpp::fuzz {

std::vector<std::string> Seeds() {
  using flwrcpp::testing::MakeZip;
  const std::string pyproject = flwrcpp::testing::TestPyproject("lr = 0.1\nname = 'aaaaaaaaaaaa'");
  return {MakeZip({{"a/b.py", "x = 1"}, {"pyproject.toml", pyproject}}, false),
          MakeZip({{"a/b.py", "x = 1"}, {"pyproject.toml", pyproject}}, true),
          MakeZip({{"pyproject.toml", ""}}, false), MakeZip({{"other.toml", pyproject}}, false)};
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  const Bytes fab(std::string(fuzz::AsText(data, size)));
  const StatusOr<UserConfig> config = internal::ReadFabConfig(fab);
  const StatusOr<internal::FabInfo> info = internal::ReadFab(fab);
  fuzz::Require(!info.ok() || (config.ok() && *config == info->config),
                "a FAB that is accepted has one config");
  return 0;
}
