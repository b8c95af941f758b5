// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <cmath>
#include <cstring>

#include "tests/support/dataset_files.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::DatasetDirectory;
using flwrcpp::testing::FromHex;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::Json;
using flwrcpp::testing::ReadGoldenJson;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

/// The values of a column as texts that tell them apart, -0 from 0 too.
std::vector<std::string> Texts(const Column& column) {
  std::vector<std::string> texts;
  const auto add = [&texts](const auto& values) {
    for (const auto& value : values) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
        texts.push_back(value);
      } else if constexpr (std::is_floating_point_v<std::decay_t<decltype(value)>>) {
        char text[40];
        std::snprintf(text, sizeof(text), "%.17g", static_cast<double>(value));
        texts.emplace_back(std::isnan(value) ? "nan" : text);
      } else {
        texts.push_back(std::to_string(value));
      }
    }
  };
  std::visit(
      [&](const auto& values) {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, ArrayColumn>) {
          std::visit(add, values.values);
        } else {
          add(values);
        }
      },
      column);
  return texts;
}

std::vector<std::string> GoldenTexts(const Json& golden_case, const Column& column) {
  std::vector<std::string> texts;
  const bool real = !std::holds_alternative<std::vector<std::string>>(column) &&
                    !golden_case.at("values").empty() && golden_case.at("values")[0].is_string();
  for (const Json& value : golden_case.at("values")) {
    if (!value.is_string()) {
      texts.push_back(std::to_string(value.get<std::int64_t>()));
    } else if (real) {
      char text[40];
      const double number = std::stod(value.get<std::string>());
      std::snprintf(text, sizeof(text), "%.17g", number);
      texts.emplace_back(std::isnan(number) ? "nan" : text);
    } else {
      texts.push_back(value.get<std::string>());
    }
  }
  return texts;
}

class NpyTest : public ::testing::Test {
 protected:
  std::string Npy(const char* name) const { return FromHex(golden_.at("npy").at(name).at("hex")); }
  StatusOr<Table> Read(const std::string& bytes) const {
    directory_.Write("a.npy", bytes);
    return ReadNpy(directory_.path() + "/a.npy", "a", kDefaultMaxArrayBytes);
  }

  Json golden_ = ReadGoldenJson("datasets.json");
  DatasetDirectory directory_;
};

TEST_F(NpyTest, ReadsEveryTypeAndOrderThatNumpyWrites) {
  std::size_t cases = 0;
  for (const auto& [name, golden_case] : golden_.at("npy").items()) {
    SCOPED_TRACE(name);
    const StatusOr<Table> table = Read(FromHex(golden_case.at("hex")));
    ASSERT_THAT(table, IsOk());
    const Column& column = table->columns().front().values;
    const auto shape = golden_case.at("shape").get<std::vector<std::size_t>>();
    EXPECT_EQ(table->num_rows(), shape.front());
    EXPECT_EQ(Texts(column), GoldenTexts(golden_case, column));
    if (shape.size() > 1) {
      ASSERT_TRUE(std::holds_alternative<ArrayColumn>(column));
      EXPECT_EQ(std::get<ArrayColumn>(column).row_shape,
                std::vector<std::size_t>(shape.begin() + 1, shape.end()));
    }
    ++cases;
  }
  EXPECT_GE(cases, 34U);
}

TEST_F(NpyTest, KeepsTheElementTypeOfArraysAndWidensThatOfSingleValues) {
  const auto holds = [&]<typename T>(const char* name, T) {
    const StatusOr<Table> table = Read(Npy(name));
    return table.ok() && std::holds_alternative<std::vector<T>>(
                             std::get<ArrayColumn>(table->columns().front().values).values);
  };
  EXPECT_TRUE(holds("bool_2d", std::uint8_t()));
  EXPECT_TRUE(holds("int8_2d", std::int8_t()));
  EXPECT_TRUE(holds("uint16_2d", std::uint16_t()));
  EXPECT_TRUE(holds("int64_2d", std::int64_t()));
  EXPECT_TRUE(holds("float16_2d", float()));
  EXPECT_TRUE(holds("float64_2d", double()));
  EXPECT_THAT(*Read(Npy("bool_1d"))->Get<std::int64_t>("a"), ::testing::SizeIs(12));
  EXPECT_THAT(*Read(Npy("float32_1d"))->Get<double>("a"), ::testing::SizeIs(12));
}

TEST_F(NpyTest, RejectsEveryTruncationAndWhatIsBehindTheEnd) {
  const std::string npy = Npy("float32_2d");
  for (std::size_t size = 0; size < npy.size(); ++size) {
    SCOPED_TRACE(size);
    EXPECT_THAT(Read(npy.substr(0, size)), StatusIs(StatusCode::kDataLoss, "a.npy"));
  }
  EXPECT_THAT(Read(npy + "x"), StatusIs(StatusCode::kDataLoss, "expected 176"));
}

/// `npy` with `text` in its header in place of `with`, which is as long.
std::string Replaced(std::string npy, const std::string& text, const std::string& with) {
  EXPECT_EQ(text.size(), with.size());
  const std::size_t at = npy.find(text);
  EXPECT_NE(at, std::string::npos);
  return npy.replace(at, text.size(), with);
}

TEST_F(NpyTest, RejectsArraysThatAreNoColumns) {
  const std::string npy = Npy("float64_2d");
  EXPECT_THAT(Read(Replaced(npy, "<f8", "<c8")),
              StatusIs(StatusCode::kInvalidArgument, "type '<c8' cannot be columns"));
  EXPECT_THAT(Read(Replaced(npy, "<f8", "<M8")),
              StatusIs(StatusCode::kInvalidArgument, "'<M8' cannot be columns"));
  EXPECT_THAT(Read(Replaced(npy, "<f8", "|O8")), StatusIs(StatusCode::kDataLoss, "'|O8'"));
  EXPECT_THAT(Read(Replaced(npy, "(4, 3)", "(4, 0)")),
              StatusIs(StatusCode::kInvalidArgument, "shape (4, 0) cannot be a column"));
  EXPECT_THAT(Read(Replaced(npy, "(4, 3)", "()    ")),
              StatusIs(StatusCode::kInvalidArgument, "single value"));
  EXPECT_THAT(Read(Replaced(npy, "<f8", "<U2")),
              StatusIs(StatusCode::kInvalidArgument, "array of texts"));
}

TEST_F(NpyTest, AShapeThatLiesAllocatesNoMoreThanTheFileHolds) {
  const std::string npy = Npy("float64_2d");
  const std::string room(40, ' ');
  const auto shape = [&](const std::string& text) {
    std::string padded = "(4, 3), }" + room;
    std::string lie = text + ", }";
    lie.resize(padded.size(), ' ');
    return Read(Replaced(npy, padded, lie));
  };
  EXPECT_THAT(shape("(1000000000000, 1)"), StatusIs(StatusCode::kDataLoss, "expected 8000000000"));
  EXPECT_THAT(shape("(0, 4294967296, 4294967296)"),
              StatusIs(StatusCode::kInvalidArgument, "too large"));
  EXPECT_THAT(shape("(4294967296, 4294967296)"), StatusIs(StatusCode::kDataLoss, "more elements"));
}

TEST_F(NpyTest, RejectsWhatIsNoCharacter) {
  std::string npy = Npy("texts");
  npy[npy.size() - 4 * 2 + 2] = '\x7f';

  EXPECT_THAT(Read(npy), StatusIs(StatusCode::kDataLoss, "row 4 holds what is no character"));
}

TEST_F(NpyTest, RejectsIntegersBeyondInt64) {
  std::string npy = Npy("uint64_1d");
  npy.back() = '\x80';

  EXPECT_THAT(Read(npy), StatusIs(StatusCode::kInvalidArgument, "beyond the largest int64"));
}

TEST_F(NpyTest, BoundsTheFile) {
  directory_.Write("a.npy", Npy("float64_2d"));

  EXPECT_THAT(ReadNpy(directory_.path() + "/a.npy", "a", 100),
              StatusIs(StatusCode::kResourceExhausted, "224 bytes, more than 100"));
  EXPECT_THAT(ReadNpy("/nowhere/a.npy", "a", 100), StatusIs(StatusCode::kNotFound, "/nowhere"));
}

class NpzTest : public NpyTest, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string Bytes() const { return FromHex(golden_.at("npz").at(GetParam())); }
  StatusOr<Table> ReadZip(const std::string& bytes, const std::vector<std::string>& names) const {
    directory_.Write("a.npz", bytes);
    return ReadNpz(directory_.path() + "/a.npz", names, kDefaultMaxArrayBytes);
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, NpzTest, ::testing::Values("stored", "deflated"));

TEST_P(NpzTest, ReadsTheArraysOfASplitAsOneTable) {
  const StatusOr<Table> table = ReadZip(Bytes(), {"y_train", "x_train"});

  ASSERT_THAT(table, IsOk());
  EXPECT_THAT(table->column_names(), ElementsAre("y_train", "x_train"));
  EXPECT_THAT(*table->Get<std::int64_t>("y_train"), ElementsAre(7, 1));
  const auto& images = std::get<ArrayColumn>(**table->Find("x_train"));
  EXPECT_THAT(images.row_shape, ElementsAre(3, 4));
  EXPECT_EQ(std::get<std::vector<std::uint8_t>>(images.values)[13], 13);
}

TEST_P(NpzTest, RejectsArraysOfOtherLengthsAndNamesThatThereAreNot) {
  EXPECT_THAT(ReadZip(Bytes(), {}),
              StatusIs(StatusCode::kInvalidArgument, "'x_test' has 1 rows, but column 'x_train'"));
  EXPECT_THAT(ReadZip(Bytes(), {"z"}),
              StatusIs(StatusCode::kNotFound, "x_train, y_train, x_test, y_test"));
}

TEST_P(NpzTest, FindsADamagedByte) {
  const std::string whole = Bytes();
  const std::size_t name = whole.find("x_train.npy");
  // Beyond the entry's header: within the array's own bytes.
  std::string damaged = whole;
  damaged[name + 60] = static_cast<char>(damaged[name + 60] ^ 0x10);

  EXPECT_FALSE(ReadZip(damaged, {"x_train"}).ok());
  EXPECT_THAT(ReadZip(damaged, {"y_train"}), IsOk());
}

TEST_P(NpzTest, RejectsEveryTruncation) {
  const std::string whole = Bytes();
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    SCOPED_TRACE(size);
    EXPECT_THAT(ReadZip(whole.substr(0, size), {}), StatusIs(StatusCode::kDataLoss, "a.npz"));
  }
}

TEST_F(NpyTest, AnNpzMayNotUnpackToMoreThanAllowed) {
  // A bomb: a megabyte of zeros in a kilobyte.
  const std::string path = directory_.path() + "/bomb.npz";
  int code = 0;
  zip_t* const archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  ASSERT_NE(archive, nullptr);
  const std::string npy = Npy("float64_2d") + std::string(1 << 20, '\0');
  zip_file_add(archive, "a.npy", zip_source_buffer(archive, npy.data(), npy.size(), 0), 0);
  ASSERT_EQ(zip_close(archive), 0);

  EXPECT_THAT(ReadNpz(path, {}, 1 << 19),
              StatusIs(StatusCode::kResourceExhausted, "unpacks to more than 524288"));
  EXPECT_THAT(ReadNpz(path, {}, 1 << 21), StatusIs(StatusCode::kDataLoss, "bomb.npz/a.npy"));
}

}  // namespace
}  // namespace flwrcpp::datasets
