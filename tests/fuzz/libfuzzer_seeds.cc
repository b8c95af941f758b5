// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Lets a fuzzer that libFuzzer drives write its seeds: FUZZER --write-seeds FOLDER

#include <cstdlib>
#include <string_view>

#include "tests/fuzz/fuzzer.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);

int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc == 3 && std::string_view((*argv)[1]) == "--write-seeds") {
    flwrcpp::fuzz::WriteSeeds((*argv)[2]);
    std::exit(0);
  }
  return 0;
}
