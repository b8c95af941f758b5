// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// FABs: zip files of which the pyproject.toml is read.

#include <zip.h>

#include "client/run_config.h"
#include "tests/fuzz/fuzzer.h"

namespace flwrcpp::fuzz {
namespace {

std::string Zip(std::string_view name, std::string_view content, int compression) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const target = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(target);
  zip_t* const archive = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  zip_file_add(archive, "a/b.py", zip_source_buffer(archive, "x = 1", 5, 0), 0);
  const zip_int64_t index =
      zip_file_add(archive, std::string(name).c_str(),
                   zip_source_buffer(archive, content.data(), content.size(), 0), 0);
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), compression, 9);
  zip_close(archive);
  zip_source_open(target);
  zip_stat_t info;
  zip_source_stat(target, &info);
  std::string bytes(info.size, '\0');
  zip_source_read(target, bytes.data(), bytes.size());
  zip_source_close(target);
  zip_source_free(target);
  return bytes;
}

}  // namespace

std::vector<std::string> Seeds() {
  constexpr std::string_view kPyproject = "[tool.flwr.app.config]\nlr = 0.1\nname = 'aaaaaaaaaaaa'";
  return {Zip("pyproject.toml", kPyproject, ZIP_CM_STORE),
          Zip("pyproject.toml", kPyproject, ZIP_CM_DEFLATE),
          Zip("pyproject.toml", "", ZIP_CM_STORE), Zip("other.toml", kPyproject, ZIP_CM_STORE)};
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  const Bytes fab(std::string(fuzz::AsText(data, size)));
  static_cast<void>(internal::ReadFabConfig(fab).ok());
  return 0;
}
