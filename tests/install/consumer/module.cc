// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Links flwrcpp::torch and, through it, libtorch. Makes no module: libtorch's headers would cost
// more time to compile than all other programs here together.

#include <flwrcpp/torch.h>

#include <iostream>

int main(int argc, char**) {
  const torch::nn::Module* module = nullptr;
  if (argc > 1) return flwrcpp::ToArrayRecord(*module).ok() ? 0 : 1;
  std::cout << "linked" << std::endl;
  return 0;
}
