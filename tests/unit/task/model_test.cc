// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::task {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::Json;
using flwrcpp::testing::ReadGoldenJson;
using flwrcpp::testing::StatusIs;

/// The samples that make_cnn_train.py makes.
datasets::ImageDataset Samples(int channels, int side, std::size_t count) {
  datasets::ImageDataset data;
  data.format = {channels, side, side, 10};
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t p = 0; p < data.format.image_size(); ++p) {
      data.images.push_back(
          static_cast<std::uint8_t>((p * (3 + i % 10) + i * 29 + p * p / 11) % 256));
    }
    data.labels.push_back(static_cast<std::uint8_t>(i % 10));
  }
  return data;
}

datasets::ImageDataset Grey(std::size_t count) { return Samples(1, 28, count); }

Model MakeModel(std::uint64_t seed) {
  StatusOr<Model> model = Model::Make({1, 28, 28, 10}, seed);
  EXPECT_THAT(model, IsOk());
  return *std::move(model);
}

ArrayRecord Parameters(const Model& model) {
  StatusOr<ArrayRecord> arrays = model.Parameters();
  EXPECT_THAT(arrays, IsOk());
  return *std::move(arrays);
}

/// Compares the parameters with the names, shapes, sums and values of a golden file.
void ExpectParameters(const Model& model, const Json& golden, double tolerance) {
  const ArrayRecord arrays = Parameters(model);
  ASSERT_EQ(arrays.size(), golden.size());
  std::size_t position = 0;
  for (const auto& [name, expected] : golden.items()) {
    SCOPED_TRACE(name);
    const auto& [key, array] = arrays.item(position++);
    EXPECT_EQ(key, name);
    EXPECT_EQ(array.shape(), expected["shape"].get<std::vector<std::int64_t>>());
    const std::vector<float> values = *array.ToVector<float>();
    double sum = 0;
    for (const float value : values) sum += value;
    // Errors of single weights do not add up in one direction; their number bounds them anyway.
    EXPECT_NEAR(sum, expected["sum"].get<double>(),
                tolerance * std::sqrt(static_cast<double>(values.size())));
    const auto some = expected["values"].get<std::vector<double>>();
    const std::size_t step = std::max<std::size_t>(1, values.size() / 40);
    for (std::size_t i = 0; i < some.size(); ++i) {
      ASSERT_NEAR(values[i * step], some[i], tolerance) << i;
    }
  }
}

class ProducesPyTorchValues : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Cases, ProducesPyTorchValues,
                         ::testing::Values("grey", "colour", "proximal"));

TEST_P(ProducesPyTorchValues, OfInitialisationTrainingAndTesting) {
  const Json golden = ReadGoldenJson("cnn_train.json")["cases"][GetParam()];
  const datasets::ImageDataset data =
      Samples(golden["channels"], golden["side"], golden["samples"].get<std::size_t>());
  StatusOr<Model> model = Model::Make(data.format, golden["seed"].get<std::uint64_t>());
  ASSERT_THAT(model, IsOk());
  ExpectParameters(*model, golden["initial"], 1e-7);

  TrainOptions options;
  options.lr = golden["lr"];
  options.momentum = golden["momentum"];
  options.epochs = golden["epochs"];
  options.proximal_mu = golden["proximal_mu"];
  const auto trained = Train(*model, data, options);
  const auto tested = task::Test(*model, data, "cpu");

  // Sums in another order differ in the last bits of a float; nine steps carry them along.
  ASSERT_THAT(trained, IsOk());
  EXPECT_NEAR(trained->loss, golden["train_loss"].get<double>(), 1e-5);
  EXPECT_EQ(trained->num_examples, data.size());
  EXPECT_FALSE(trained->stopped);
  ExpectParameters(*model, golden["trained"], 1e-6);
  ASSERT_THAT(tested, IsOk());
  EXPECT_NEAR(tested->loss, golden["test_loss"].get<double>(), 1e-5);
  EXPECT_DOUBLE_EQ(tested->accuracy, golden["accuracy"].get<double>());
  EXPECT_EQ(tested->num_examples, data.size());
}

TEST(Model, IsTheSameForTheSameSeed) {
  EXPECT_EQ(Parameters(MakeModel(3)), Parameters(MakeModel(3)));
  EXPECT_FALSE(Parameters(MakeModel(3)) == Parameters(MakeModel(4)));
}

TEST(Model, TakesTheParametersOfAnother) {
  const Model from = MakeModel(1);
  Model to = MakeModel(2);

  ASSERT_THAT(to.SetParameters(Parameters(from)), IsOk());

  EXPECT_EQ(Parameters(to), Parameters(from));
}

TEST(Model, RejectsParametersForOtherImages) {
  StatusOr<Model> colour = Model::Make({3, 32, 32, 10}, 1);
  ASSERT_THAT(colour, IsOk());

  EXPECT_THAT(
      colour->SetParameters(Parameters(MakeModel(1))),
      StatusIs(StatusCode::kInvalidArgument,
               "'conv1.weight' has the shape (6, 1, 5, 5), the model expects (6, 3, 5, 5)"));
}

TEST(Model, RejectsImagesThatDoNotFit) {
  for (const int side : {0, 12, 30}) {
    EXPECT_THAT(Model::Make({1, side, side, 10}, 1),
                StatusIs(StatusCode::kInvalidArgument, "multiples of 4"));
  }
  EXPECT_THAT(Model::Make({0, 28, 28, 10}, 1), StatusIs(StatusCode::kInvalidArgument));
}

TEST(Train, DependsOnTheOrderOnlyThroughTheShuffleSeed) {
  const datasets::ImageDataset data = Grey(64);
  const auto train = [&data](std::optional<std::uint64_t> seed) {
    Model model = MakeModel(1);
    TrainOptions options;
    options.shuffle_seed = seed;
    EXPECT_THAT(Train(model, data, options), IsOk());
    return Parameters(model);
  };

  EXPECT_EQ(train({}), train({}));
  EXPECT_EQ(train(5), train(5));
  EXPECT_FALSE(train(5) == train({}));
  EXPECT_FALSE(train(5) == train(6));
}

TEST(Train, StaysNearTheStartWithALargeProximalTerm) {
  const datasets::ImageDataset data = Grey(64);
  const auto distance = [&data](double mu) {
    Model model = MakeModel(1);
    const auto start = *Parameters(model).Find("fc1.weight")->ToVector<float>();
    TrainOptions options;
    options.momentum = 0;
    options.lr = 0.1;
    options.epochs = 5;
    options.proximal_mu = mu;
    EXPECT_THAT(Train(model, data, options), IsOk());
    const auto end = *Parameters(model).Find("fc1.weight")->ToVector<float>();
    double sum = 0;
    for (std::size_t i = 0; i < start.size(); ++i) sum += std::abs(end[i] - start[i]);
    return sum;
  };

  EXPECT_LT(distance(5), 0.7 * distance(0));
}

TEST(Train, EndsWhenAskedToStop) {
  Model model = MakeModel(1);
  const ArrayRecord before = Parameters(model);
  std::stop_source stop;
  stop.request_stop();
  TrainOptions options;
  options.stop = stop.get_token();

  const auto result = Train(model, Grey(64), options);

  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->stopped);
  EXPECT_EQ(Parameters(model), before);
}

TEST(Train, SaysWhichSettingIsOutOfRange) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Model model = MakeModel(1);
  const datasets::ImageDataset data = Grey(4);
  const auto expect_error = [&](auto member, auto value, const std::string& text) {
    TrainOptions options;
    options.*member = value;
    EXPECT_THAT(Train(model, data, options), StatusIs(StatusCode::kInvalidArgument, text));
  };

  for (const double lr : {0.0, -0.1, kNan, kInfinity}) {
    expect_error(&TrainOptions::lr, lr, "lr is");
  }
  for (const double momentum : {-0.1, 1.0, kNan}) {
    expect_error(&TrainOptions::momentum, momentum, "momentum is");
  }
  expect_error(&TrainOptions::epochs, 0, "epochs is 0");
  expect_error(&TrainOptions::batch_size, 0, "batch_size is 0");
  for (const double mu : {-1.0, kNan, kInfinity}) {
    expect_error(&TrainOptions::proximal_mu, mu, "proximal_mu is");
  }
  expect_error(&TrainOptions::device, "gpu", "'gpu' is no device");
  expect_error(&TrainOptions::device, "cuda:99", "'cuda:99' is not there");
}

TEST(Train, RejectsDataThatDoesNotFitTheModel) {
  Model model = MakeModel(1);

  EXPECT_THAT(
      Train(model, Samples(3, 32, 2), {}),
      StatusIs(StatusCode::kInvalidArgument, "3x32x32 of 10 classes, the model is for 1x28"));
  EXPECT_THAT(Train(model, Grey(0), {}), StatusIs(StatusCode::kInvalidArgument, "no samples"));
  EXPECT_THAT(task::Test(model, Grey(0), "cpu"),
              StatusIs(StatusCode::kInvalidArgument, "no samples"));
  datasets::ImageDataset torn = Grey(2);
  torn.images.pop_back();
  EXPECT_THAT(Train(model, torn, {}), StatusIs(StatusCode::kInvalidArgument, "2 labels"));
}

TEST(Train, ALabelThatIsNoClassIsAnErrorOfLibtorchNotACrash) {
  Model model = MakeModel(1);
  datasets::ImageDataset data = Grey(2);
  data.labels[1] = 10;

  EXPECT_THAT(Train(model, data, {}), StatusIs(StatusCode::kInternal, "libtorch"));
}

TEST(Train, ReportsThatItDiverges) {
  Model model = MakeModel(1);
  TrainOptions options;
  options.lr = 1e30;
  options.epochs = 5;

  EXPECT_THAT(Train(model, Grey(64), options), StatusIs(StatusCode::kOutOfRange, "lr 1e+30"));
}

TEST(Test, DoesNotDependOnHowTheDataIsCutIntoBatches) {
  Model model = MakeModel(1);
  const auto all = task::Test(model, Grey(230), "cpu");
  const auto part = task::Test(model, Grey(100), "cpu");
  datasets::ImageDataset rest = Grey(230);
  rest.labels.erase(rest.labels.begin(), rest.labels.begin() + 100);
  rest.images.erase(rest.images.begin(), rest.images.begin() + 100 * 784);
  const auto other = task::Test(model, rest, "cpu");

  ASSERT_THAT(all, IsOk());
  ASSERT_THAT(part, IsOk());
  ASSERT_THAT(other, IsOk());
  EXPECT_NEAR(all->loss, (part->loss * 100 + other->loss * 130) / 230, 1e-6);
  EXPECT_NEAR(all->accuracy, (part->accuracy * 100 + other->accuracy * 130) / 230, 1e-12);
}

TEST(SetThreads, RejectsCountsOutOfRange) {
  EXPECT_THAT(SetThreads(0), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(SetThreads(1025), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(SetThreads(1), IsOk());
}

}  // namespace
}  // namespace flwrcpp::task
