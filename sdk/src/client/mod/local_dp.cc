// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <memory>
#include <utility>

#include "client/mod/change_update.h"
#include "flwrcpp/mod/differential_privacy.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "privacy/clipping.h"
#include "privacy/gaussian_noise.h"

namespace flwrcpp {
namespace {

constexpr char kName[] = "LocalDpMod";

Status Check(const LocalDpOptions& options) {
  using internal::InvalidArgument;
  if (!std::isnormal(options.clipping_norm) || options.clipping_norm <= 0) {
    return InvalidArgument("{}: clipping_norm is {}, expected a number above 0", kName,
                           options.clipping_norm);
  }
  if (!std::isfinite(options.sensitivity) || options.sensitivity < 0) {
    return InvalidArgument("{}: sensitivity is {}, expected a number of at least 0", kName,
                           options.sensitivity);
  }
  if (!std::isfinite(options.epsilon) || options.epsilon <= 0) {
    return InvalidArgument("{}: epsilon is {}, expected a number above 0", kName, options.epsilon);
  }
  if (!(options.delta > 0 && options.delta < 1)) {
    return InvalidArgument("{}: delta is {}, expected a number between 0 and 1", kName,
                           options.delta);
  }
  return absl::OkStatus();
}

/// What all copies of the mod share.
struct LocalDp {
  double clipping_norm;
  double stddev;
  internal::GaussianNoise noise;
};

StatusOr<Message> ClipAndAddNoise(LocalDp& local_dp, const Message& message, Context& context,
                                  const MessageHandler& next) {
  if (!internal::IsTrain(message)) return next(message, context);
  return internal::ChangeUpdate(
      kName, message, context, next, [&](internal::UpdatedReply& reply) -> Status {
        FLWRCPP_RETURN_IF_ERROR(
            internal::ClipUpdate(reply.global, reply.arrays, local_dp.clipping_norm).status());
        FLWRCPP_RETURN_IF_ERROR(
            internal::AddGaussianNoise(reply.arrays, local_dp.stddev, local_dp.noise));
        internal::Log(LogLevel::kInfo,
                      "{}: the update is clipped to {:.4f}, noise with standard deviation {:.4f} "
                      "added",
                      kName, local_dp.clipping_norm, local_dp.stddev);
        return absl::OkStatus();
      });
}

}  // namespace

StatusOr<Mod> LocalDpMod(const LocalDpOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(Check(options));
  const double stddev =
      options.sensitivity * std::sqrt(2 * std::log(1.25 / options.delta)) / options.epsilon;
  if (!std::isfinite(stddev)) {
    return internal::InvalidArgument("{}: the standard deviation of the noise would be {}", kName,
                                     stddev);
  }
  FLWRCPP_ASSIGN_OR_RETURN(internal::GaussianNoise noise,
                           internal::GaussianNoise::Create(options.noise_seed, kName));
  const auto shared =
      std::make_shared<LocalDp>(LocalDp{options.clipping_norm, stddev, std::move(noise)});
  return Mod([shared](const Message& message, Context& context, const MessageHandler& next) {
    return ClipAndAddNoise(*shared, message, context, next);
  });
}

}  // namespace flwrcpp
