// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/server_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavgm.h"
#include "tests/support/failing_reply.h"
#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using testing::ComplexArrays;
using testing::Doubles;
using testing::DoublesOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::NewModel;
using ::testing::Pair;
using testing::StatusIs;
using testing::TrainRound;
using testing::Weights;
using testing::WeightsOf;

/// A strategy as an application writes one.
class OwnStep : public ServerStep {
 public:
  using Function =
      std::function<StatusOr<ArrayRecord>(int server_round, const ArrayRecord&, ArrayRecord)>;

  explicit OwnStep(Function step) : ServerStep({}), step_(std::move(step)) {}

 protected:
  StatusOr<ArrayRecord> Step(int server_round, const ArrayRecord& global,
                             ArrayRecord mean) override {
    return step_(server_round, global, std::move(mean));
  }

 private:
  Function step_;
};

TEST(ServerStepTest, MakesTheNewModelOfTheMeanAndWhatTheNodesGot) {
  OwnStep strategy([](int server_round, const ArrayRecord& global, ArrayRecord mean) {
    return Weights({static_cast<float>(server_round), WeightsOf(global)[0], WeightsOf(mean)[0]});
  });

  const auto result =
      TrainRound(strategy, Weights({10}), {{1, Weights({1})}, {2, Weights({4})}}, 6);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(6, 10, 2.5));
}

TEST(ServerStepTest, RepliesThatDoNotFitTheGlobalModelAreFailures) {
  ArrayRecord renamed;
  renamed.Set("v", *Weights({1}).Find("w"));
  for (const auto& [reply, text] : {std::pair(Weights({1, 2}), "array 'w' has shape (2,)"),
                                    std::pair(renamed, "misses key 'w' that the global model has"),
                                    std::pair(ComplexArrays(1), "array 'w' has dtype complex64")}) {
    OwnStep strategy([](int, const ArrayRecord&, ArrayRecord mean) { return mean; });

    const auto result = TrainRound(strategy, Weights({10}), {{1, reply}, {2, Weights({4})}});

    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(WeightsOf(*result->arrays), ElementsAre(4));
    EXPECT_THAT(result->failures, ElementsAre(Pair(1, HasSubstr(text))));
  }
}

TEST(ServerStepTest, IsNotCalledWithoutAUsableReply) {
  OwnStep strategy([](int, const ArrayRecord&, ArrayRecord) -> StatusOr<ArrayRecord> {
    ADD_FAILURE();
    return ArrayRecord();
  });

  const auto result =
      TrainRound(strategy, Weights({1}), {{1, Weights({1, 2})}, {2, Weights({1, 2})}});

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_EQ(result->failures.size(), 2);
}

TEST(ServerStepTest, AnErrorOrAnExceptionOfTheStepEndsTheRun) {
  OwnStep failing([](int, const ArrayRecord&, ArrayRecord) -> StatusOr<ArrayRecord> {
    return Status(StatusCode::kOutOfRange, "too far");
  });
  OwnStep throwing([](int, const ArrayRecord&, ArrayRecord) -> StatusOr<ArrayRecord> {
    throw std::runtime_error("stumbled");
  });

  EXPECT_THAT(TrainRound(failing, Weights({1}), {{1, Weights({1})}, {2, Weights({1})}}),
              StatusIs(StatusCode::kOutOfRange, "too far"));
  EXPECT_THAT(TrainRound(throwing, Weights({1}), {{1, Weights({1})}, {2, Weights({1})}}),
              StatusIs(StatusCode::kInternal, "stumbled"));
}

TEST(ServerStepTest, LetsGoOfTheGlobalModelAtTheEndOfTheRound) {
  const Bytes npy = Weights({1}).Find("w")->Contiguous();
  const auto owner = std::make_shared<const std::string>(npy.view());
  ArrayRecord global;
  global.Set("w", Array::FromNpy(Bytes(owner, *owner)).value());
  OwnStep strategy([](int, const ArrayRecord&, ArrayRecord mean) { return mean; });

  ASSERT_THAT(TrainRound(strategy, global, {{1, Weights({1})}, {2, Weights({1})}}), IsOk());

  EXPECT_EQ(owner.use_count(), 2);  // this one, and that of the argument
}

/// FedAvgM, as one of those that StepModel computes.
std::unique_ptr<FedAvgM> Half() {
  FedAvgMOptions options;
  options.server_learning_rate = 0.5;
  options.server_momentum = 0.25;
  return FedAvgM::Create(options).value();
}

TEST(ServerStepTest, LongArraysAreComputedToTheirLastElement) {
  // More than two blocks of step_model.h, the last one not full.
  std::vector<float> global(2500);
  std::vector<float> mean(global.size());
  for (std::size_t i = 0; i < global.size(); ++i) {
    global[i] = static_cast<float>(i);
    mean[i] = static_cast<float>(3 * i + 2);
  }
  const auto strategy = Half();

  const auto first = WeightsOf(NewModel(*strategy, 1, Weights(global), Weights(mean)));
  const auto second = WeightsOf(NewModel(*strategy, 2, Weights(global), Weights(mean)));

  ASSERT_EQ(first.size(), global.size());
  for (std::size_t i = 0; i < global.size(); ++i) {
    const float step = mean[i] - global[i];
    ASSERT_EQ(first[i], global[i] + 0.5F * step) << i;
    ASSERT_EQ(second[i], global[i] + 0.5F * 1.25F * step) << i;
  }
}

TEST(ServerStepTest, TheNewModelHasTheOrderOfTheGlobalOne) {
  ArrayRecord global;
  ArrayRecord turned;
  for (const char* const key : {"a", "b", "c"}) global.Set(key, *Weights({0}).Find("w"));
  for (const char* const key : {"c", "b", "a"}) turned.Set(key, *Weights({2}).Find("w"));

  const ArrayRecord next = NewModel(*Half(), 1, global, turned);

  ASSERT_EQ(next.size(), 3);
  EXPECT_EQ(next.item(0).first, "a");
  EXPECT_EQ(next.item(2).first, "c");
}

TEST(ServerStepTest, FortranOrderIsUnderstoodInEachPlace) {
  const auto matrix = [](bool fortran, std::vector<double> values) {
    ArrayRecord arrays;
    Array array = Array::From(values, {2, 2}).value();
    if (fortran) {
      std::string npy(array.Contiguous().view());
      npy.replace(npy.find("False"), 5, "True ");
      array = Array::FromNpy(Bytes(npy)).value();
    }
    arrays.Set("w", array);
    return arrays;
  };
  for (const bool global_fortran : {false, true}) {
    for (const bool mean_fortran : {false, true}) {
      const ArrayRecord global =
          matrix(global_fortran, global_fortran ? std::vector<double>{0, 20, 10, 30}
                                                : std::vector<double>{0, 10, 20, 30});
      const ArrayRecord mean =
          matrix(mean_fortran, mean_fortran ? std::vector<double>{2, 26, 14, 38}
                                            : std::vector<double>{2, 14, 26, 38});
      EXPECT_THAT(DoublesOf(NewModel(*Half(), 1, global, mean)), ElementsAre(1, 12, 23, 34));
    }
  }
}

}  // namespace
}  // namespace flwrcpp
