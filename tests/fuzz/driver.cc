// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Runs a fuzzer without libFuzzer, so that every compiler builds it and every test run uses it.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/mutator.h"

namespace flwrcpp::fuzz {
namespace {

constexpr char kUsage[] =
    "usage: %s [--runs N] [--seed N] [--save FILE] [FILE|FOLDER]...\n"
    "       %s --write-seeds FOLDER\n"
    "With files or folders: runs these inputs. Else: runs the seeds, and N mutations of them that\n"
    "depend on --seed alone. --save keeps the input that runs now, to have it after a crash.\n";

struct Options {
  std::size_t runs = 10000;
  std::uint64_t seed = 1;
  std::string save;
  std::string write_seeds;
  std::vector<std::string> paths;
};

bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (!name.starts_with("--")) {
      options.paths.emplace_back(name);
      continue;
    }
    if (i + 1 == argc) return false;
    const char* const value = argv[++i];
    if (name == "--runs") {
      options.runs = std::strtoull(value, nullptr, 10);
    } else if (name == "--seed") {
      options.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--save") {
      options.save = value;
    } else if (name == "--write-seeds") {
      options.write_seeds = value;
    } else {
      return false;
    }
  }
  return true;
}

void RunOne(const std::string& input, const Options& options) {
  if (!options.save.empty()) std::ofstream(options.save, std::ios::binary) << input;
  // Of exactly this size, so that AddressSanitizer sees a read of the byte behind it.
  const std::unique_ptr<std::uint8_t[]> data(new std::uint8_t[input.size()]);
  std::memcpy(data.get(), input.data(), input.size());
  LLVMFuzzerTestOneInput(data.get(), input.size());
}

std::size_t RunFile(const std::filesystem::path& path, const Options& options) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(2);
  }
  RunOne({std::istreambuf_iterator<char>(file), {}}, options);
  return 1;
}

std::size_t RunPath(const std::filesystem::path& path, const Options& options) {
  if (!std::filesystem::is_directory(path)) return RunFile(path, options);
  std::size_t runs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) runs += RunFile(entry.path(), options);
  }
  return runs;
}

std::size_t RunMutations(const Options& options) {
  const std::vector<std::string> seeds = Seeds();
  for (const std::string& seed : seeds) RunOne(seed, options);
  Mutator mutator(options.seed);
  for (std::size_t i = 0; i < options.runs; ++i) RunOne(mutator.Mutate(seeds), options);
  return seeds.size() + options.runs;
}

int Main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, options)) {
    std::fprintf(stderr, kUsage, argv[0], argv[0]);
    return 2;
  }
  if (!options.write_seeds.empty()) {
    WriteSeeds(options.write_seeds);
    return 0;
  }
  std::size_t runs = 0;
  for (const std::string& path : options.paths) runs += RunPath(path, options);
  if (options.paths.empty()) runs = RunMutations(options);
  std::printf("%zu inputs\n", runs);
  return 0;
}

}  // namespace
}  // namespace flwrcpp::fuzz

int main(int argc, char** argv) { return flwrcpp::fuzz::Main(argc, argv); }
