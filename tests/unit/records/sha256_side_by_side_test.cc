// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/sha256_side_by_side.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/sha256.h"

namespace flwrcpp::internal {
namespace {

std::string RandomText(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string text(size, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

/// Checks `inputs` against OpenSSL, and with every set of kernels that a processor might have.
void ExpectDigestsOfOpenSsl(const std::vector<HashInput>& inputs) {
  std::vector<std::string> expected;
  for (const HashInput& input : inputs) {
    expected.push_back(Sha256::Hex(std::string(input.head) + std::string(input.body)));
  }
  const std::span<const Sha256Kernel> kernels = RunnableSha256Kernels();
  EXPECT_EQ(Sha256OfEach(inputs, {}), expected);
  for (std::size_t without = 0; without < kernels.size(); ++without) {
    EXPECT_EQ(Sha256OfEach(inputs, kernels.subspan(without)), expected)
        << inputs.size() << " inputs, " << kernels[without].lanes << " lanes";
  }
}

TEST(Sha256SideBySide, AgreesWithOpenSslForEveryLengthAroundTheBlocks) {
  const std::string text = RandomText(400);
  std::vector<HashInput> inputs;
  for (std::size_t size = 0; size <= 300; ++size) {
    inputs.push_back({std::string_view(text).substr(size % 64, size), {}});
  }
  ExpectDigestsOfOpenSsl(inputs);
}

TEST(Sha256SideBySide, DoesNotDependOnWhereHeadEndsAndBodyBegins) {
  const std::string text = RandomText(300);
  std::vector<HashInput> inputs;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    inputs.push_back({std::string_view(text).substr(0, cut), std::string_view(text).substr(cut)});
  }
  ExpectDigestsOfOpenSsl(inputs);
}

TEST(Sha256SideBySide, AgreesForEveryNumberOfInputs) {
  const std::string text = RandomText(5000);
  for (std::size_t count = 0; count <= 40; ++count) {
    std::vector<HashInput> inputs;
    for (std::size_t i = 0; i < count; ++i) {
      // Lengths in no order, at addresses with no alignment.
      inputs.push_back({std::string_view(text).substr(i, 17),
                        std::string_view(text).substr(3 * i + 1, (i * 1237 + count) % 4000)});
    }
    ExpectDigestsOfOpenSsl(inputs);
  }
}

TEST(Sha256SideBySide, LongInputsAmongShortOnesAgree) {
  const std::string text = RandomText(std::size_t{3} << 20);
  std::vector<HashInput> inputs;
  for (std::size_t i = 0; i < 24; ++i) {
    const std::size_t size = i % 5 == 0 ? text.size() - 100 * i : 40 * i;
    inputs.push_back({"head", std::string_view(text).substr(i, size)});
  }
  ExpectDigestsOfOpenSsl(inputs);
}

TEST(Sha256SideBySide, EveryKernelKeepsToItsOwnMessage) {
  for (const Sha256Kernel& kernel : RunnableSha256Kernels()) {
    // With this kernel alone, so that places are left over.
    Sha256Kernel always = kernel;
    always.least = 1;
    const std::string text = RandomText(1000);
    for (std::size_t count = 1; count <= kernel.lanes; ++count) {
      std::vector<HashInput> inputs;
      std::vector<std::string> expected;
      for (std::size_t i = 0; i < count; ++i) {
        inputs.push_back({std::string_view(text).substr(i), {}});
        expected.push_back(Sha256::Hex(inputs.back().head));
      }
      EXPECT_EQ(Sha256OfEach(inputs, {&always, 1}), expected) << kernel.lanes << " lanes";
    }
  }
}

TEST(Sha256SideBySide, KernelsAreChosenFromThoseThatRun) {
  const std::span<const Sha256Kernel> runnable = RunnableSha256Kernels();
  const std::span<const Sha256Kernel> chosen = Sha256Kernels();
  ASSERT_EQ(chosen.empty(), runnable.empty());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    EXPECT_LE(chosen[i].least, chosen[i].lanes);
    EXPECT_TRUE(std::any_of(runnable.begin(), runnable.end(), [&](const Sha256Kernel& one) {
      return one.compress == chosen[i].compress && one.lanes == chosen[i].lanes;
    }));
    if (i + 1 < chosen.size()) {
      EXPECT_GT(chosen[i].lanes, chosen[i + 1].lanes);
    } else {
      EXPECT_EQ(chosen[i].least, 1) << "one message alone has a kernel";
    }
  }
}

}  // namespace
}  // namespace flwrcpp::internal
