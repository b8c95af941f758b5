// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/status_matchers.h"
#include "tests/unit/strategy/dp_fixture.h"

namespace flwrcpp {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(DpOptions, OutOfRangeAreRefusedByName) {
  EXPECT_THAT(ServerFixed::Create(nullptr, Fixed()),
              StatusIs(StatusCode::kInvalidArgument,
                       "DifferentialPrivacyServerSideFixedClipping: expected a strategy"));
  EXPECT_THAT(ClientAdaptive::Create(nullptr, Adaptive()),
              StatusIs(StatusCode::kInvalidArgument,
                       "DifferentialPrivacyClientSideAdaptiveClipping: expected a strategy"));
  const auto fixed = [](auto change) {
    FixedOptions options = Fixed();
    change(options);
    return ClientFixed::Create(Average(), options).status();
  };
  for (const double bad : {-1.0, kNan, std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(fixed([&](FixedOptions& o) { o.noise_multiplier = bad; }),
                StatusIs(StatusCode::kInvalidArgument, "noise_multiplier"));
    EXPECT_THAT(fixed([&](FixedOptions& o) { o.clipping_norm = bad; }),
                StatusIs(StatusCode::kInvalidArgument, "clipping_norm"));
  }
  EXPECT_THAT(fixed([](FixedOptions& o) { o.clipping_norm = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "clipping_norm"));
  EXPECT_THAT(fixed([](FixedOptions& o) { o.num_sampled_clients = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "num_sampled_clients"));
  EXPECT_THAT(ClientFixed::Create(Average(), {}),
              StatusIs(StatusCode::kInvalidArgument, "noise_multiplier"));

  const auto adaptive = [](auto change) {
    AdaptiveOptions options = Adaptive();
    change(options);
    return ServerAdaptive::Create(Average(), options).status();
  };
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.noise_multiplier = -1; }),
              StatusIs(StatusCode::kInvalidArgument, "noise_multiplier"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.num_sampled_clients = -2; }),
              StatusIs(StatusCode::kInvalidArgument, "num_sampled_clients"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.initial_clipping_norm = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "initial_clipping_norm"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.clip_norm_lr = 0; }),
              StatusIs(StatusCode::kInvalidArgument, "clip_norm_lr"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.clipped_count_stddev = -1; }),
              StatusIs(StatusCode::kInvalidArgument, "clipped_count_stddev"));
  for (const double bad : {-0.1, 1.1, kNan}) {
    EXPECT_THAT(adaptive([&](AdaptiveOptions& o) { o.target_clipped_quantile = bad; }),
                StatusIs(StatusCode::kInvalidArgument, "target_clipped_quantile"));
  }
  // 2 / 20 is too little for a multiplier of 0.2 or more.
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.noise_multiplier = 0.2; }),
              StatusIs(StatusCode::kInvalidArgument, "clipped_count_stddev"));
  EXPECT_THAT(adaptive([](AdaptiveOptions& o) { o.noise_multiplier = 0.19; }), IsOk());
}

}  // namespace
}  // namespace flwrcpp
