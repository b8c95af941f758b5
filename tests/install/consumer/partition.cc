// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Divides ten samples among two nodes and prints how many the second one has.

#include <flwrcpp/datasets/size_partitioners.h>

#include <array>
#include <cstdint>
#include <iostream>

int main() {
  const std::array<std::uint8_t, 10> labels{};
  const auto partitioner = flwrcpp::datasets::MakeIidPartitioner({.num_partitions = 2});
  if (!partitioner.ok()) return 1;
  const auto partitions = (*partitioner)->Partition(labels);
  if (!partitions.ok()) return 1;
  std::cout << "samples " << (*partitions)[1].size() << std::endl;
  return 0;
}
