// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/visualization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "datasets/svg.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const LabelCounts& Counts() {
  static const LabelCounts counts = {.labels = {"cat", "dog"},
                                     .counts = {{30, 10}, {0, 80}, {0, 0}}};
  return counts;
}

std::string Plot(const LabelCounts& counts, const PlotOptions& options) {
  const StatusOr<std::string> svg = PlotLabelDistributions(counts, options);
  EXPECT_THAT(svg, IsOk());
  return svg.value_or("");
}

/// All matches of the first group.
std::vector<std::string> Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator i(text.begin(), text.end(), regex), end; i != end; ++i) {
    found.push_back((*i)[1]);
  }
  return found;
}

std::vector<std::string> Tooltips(const std::string& svg) {
  return Matches(svg, "<title>(Partition[^<]*)</title>");
}

/// Whether every element that is opened is closed in order: the image is one piece of XML.
bool IsBalanced(const std::string& svg) {
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z]+)[^>]*?(/?)>");
  for (std::sregex_iterator i(svg.begin(), svg.end(), tag), end; i != end; ++i) {
    if ((*i)[1] == "/") {
      if (open.empty() || open.back() != (*i)[2]) return false;
      open.pop_back();
    } else if ((*i)[3] != "/") {
      open.push_back((*i)[2]);
    }
  }
  return open.empty();
}

TEST(PlotLabelDistributions, DrawsABarOfPiecesForEachPartition) {
  const std::string svg = Plot(Counts(), {});

  EXPECT_TRUE(IsBalanced(svg));
  EXPECT_THAT(Tooltips(svg), ElementsAre("Partition 0, label cat: 30", "Partition 0, label dog: 10",
                                         "Partition 1, label dog: 80"));
  EXPECT_THAT(svg, AllOf(HasSubstr(">Per Partition Label Distribution</text>"),
                         HasSubstr(">Partition ID</text>"), HasSubstr(">Count</text>")));
  // Heights are in the ratio of the counts.
  const auto heights = Matches(svg, R"re(height="([0-9.]+)" fill="#[0-9a-f]+"><title>)re");
  ASSERT_THAT(heights, SizeIs(3));
  EXPECT_NEAR(std::stod(heights[0]) / std::stod(heights[1]), 3, 0.01);
  EXPECT_NEAR(std::stod(heights[2]) / std::stod(heights[1]), 8, 0.01);
}

TEST(PlotLabelDistributions, StacksThePiecesWithoutGaps) {
  const std::string svg = Plot({.labels = {"a", "b"}, .counts = {{1, 3}}}, {});

  const auto tops = Matches(svg, R"re( y="([0-9.]+)"[^>]*><title>)re");
  const auto heights = Matches(svg, R"re(height="([0-9.]+)" fill="#[0-9a-f]+"><title>)re");
  ASSERT_THAT(tops, SizeIs(2));
  ASSERT_THAT(heights, SizeIs(2));
  EXPECT_NEAR(std::stod(tops[1]) + std::stod(heights[1]), std::stod(tops[0]), 0.02);
}

TEST(PlotLabelDistributions, LaysBarsDownForPartitionsOnTheYAxis) {
  const std::string svg =
      Plot(Counts(), {.size_unit = SizeUnit::kPercent, .partition_id_axis = PartitionIdAxis::kY});

  EXPECT_THAT(Tooltips(svg),
              ElementsAre("Partition 0, label cat: 75.0 %", "Partition 0, label dog: 25.0 %",
                          "Partition 1, label dog: 100.0 %"));
  const auto widths = Matches(svg, R"re( width="([0-9.]+)"[^>]*><title>)re");
  ASSERT_THAT(widths, SizeIs(3));
  EXPECT_NEAR(std::stod(widths[0]) / std::stod(widths[1]), 3, 0.01);
  EXPECT_THAT(svg, HasSubstr(">Percent %</text>"));
}

TEST(PlotLabelDistributions, AHeatMapHasAFieldForEachCountTheDarkerTheMore) {
  const std::string svg = Plot(Counts(), {.plot_type = PlotType::kHeatmap});

  EXPECT_TRUE(IsBalanced(svg));
  EXPECT_THAT(Tooltips(svg), SizeIs(6));
  const auto colors = Matches(svg, R"re(fill="(#[0-9a-f]+)"[^>]*><title>)re");
  ASSERT_THAT(colors, SizeIs(6));
  const auto brightness = [](const std::string& color) {
    int sum = 0;
    for (int i = 1; i < 7; i += 2) sum += std::stoi(color.substr(i, 2), nullptr, 16);
    return sum;
  };
  EXPECT_GT(brightness(colors[1]), brightness(colors[0]));
  EXPECT_GT(brightness(colors[0]), brightness(colors[3]));
  EXPECT_GT(brightness(colors[2]), brightness(colors[1]));  // Nothing is the lightest.
  EXPECT_THAT(svg, AllOf(HasSubstr(">80</text>"), HasSubstr(">cat</text>")));
}

TEST(PlotLabelDistributions, ThePartitionIdAxisTurnsAHeatMap) {
  const auto place = [](PartitionIdAxis axis) {
    const std::string svg =
        Plot(Counts(), {.plot_type = PlotType::kHeatmap, .partition_id_axis = axis});
    const auto x = Matches(svg, R"re(<rect x="([0-9.]+)"[^>]*><title>)re");
    const auto y = Matches(svg, R"re( y="([0-9.]+)"[^>]*><title>)re");
    return std::pair(x.at(0) == x.at(1), y.at(0) == y.at(1));  // Both of partition 0.
  };
  EXPECT_EQ(place(PartitionIdAxis::kX), std::pair(true, false));
  EXPECT_EQ(place(PartitionIdAxis::kY), std::pair(false, true));
}

TEST(PlotLabelDistributions, HasALegendWhenAsked) {
  EXPECT_THAT(Plot(Counts(), {}), Not(HasSubstr(">Labels</text>")));
  EXPECT_THAT(
      Plot(Counts(), {.legend = true}),
      AllOf(HasSubstr(">Labels</text>"), HasSubstr(">cat</text>"), HasSubstr(">dog</text>")));
  EXPECT_THAT(Plot(Counts(), {.legend = true, .legend_title = "Animals"}),
              HasSubstr(">Animals</text>"));
  EXPECT_THAT(Plot(Counts(), {.plot_type = PlotType::kHeatmap}), Not(HasSubstr(">Count</text>")));
  EXPECT_THAT(Plot(Counts(), {.plot_type = PlotType::kHeatmap, .legend = true}),
              HasSubstr(">Count</text>"));
}

TEST(PlotLabelDistributions, EscapesTextsOfOthers) {
  LabelCounts counts = Counts();
  counts.labels = {"<script>alert('&')</script>", std::string("\x01\xff\"", 3)};
  for (const PlotType type : {PlotType::kBar, PlotType::kHeatmap}) {
    const std::string svg = Plot(counts, {.plot_type = type, .title = "a < b & c", .legend = true});

    EXPECT_TRUE(IsBalanced(svg));
    EXPECT_THAT(
        svg, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("\x01")), HasSubstr("a &lt; b &amp; c"),
                   HasSubstr("&lt;script&gt;alert(&#39;&amp;&#39;)"),
                   HasSubstr("\xEF\xBF\xBD\xEF\xBF\xBD&quot;")));
  }
}

TEST(PlotLabelDistributions, KeepsLargeImagesSmall) {
  LabelCounts counts;
  for (int i = 0; i < 100; ++i) counts.labels.push_back(std::to_string(i));
  counts.counts.assign(100, std::vector<std::int64_t>(100, 7));
  for (const PlotType type : {PlotType::kBar, PlotType::kHeatmap}) {
    const std::string svg = Plot(counts, {.plot_type = type, .legend = true});

    EXPECT_THAT(Tooltips(svg), IsEmpty());
    EXPECT_LT(svg.size(), std::size_t{1} << 20);
  }
}

TEST(PlotLabelDistributions, DrawsPartitionsThatHaveNothing) {
  const LabelCounts counts = {.labels = {"a"}, .counts = {{0}, {0}}};
  for (const PlotType type : {PlotType::kBar, PlotType::kHeatmap}) {
    for (const SizeUnit unit : {SizeUnit::kAbsolute, SizeUnit::kPercent}) {
      const std::string svg = Plot(counts, {.plot_type = type, .size_unit = unit, .legend = true});

      EXPECT_TRUE(IsBalanced(svg));
      EXPECT_THAT(svg, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("\"inf")), Not(HasSubstr("e+"))));
    }
  }
}

TEST(PlotLabelDistributions, RejectsWhatCannotBeDrawn) {
  const auto rejected = [](const LabelCounts& counts, const char* text) {
    EXPECT_THAT(PlotLabelDistributions(counts, {}), StatusIs(StatusCode::kInvalidArgument, text));
  };
  rejected({}, "0 partitions");
  rejected({.labels = {}, .counts = {{}}}, "0 labels");
  rejected({.labels = {"a"}, .counts = std::vector(1001, std::vector<std::int64_t>(1))},
           "1001 partitions cannot be drawn, expected 1 to 1000");
  rejected({.labels = {"a"}, .counts = {{1, 2}}}, "partition 0 has 2 counts for 1 labels");
  rejected({.labels = {"a"}, .counts = {{-1}}}, "a count of -1");
}

TEST(EscapeXml, ReplacesWhatIsNoUtf8) {
  using internal::EscapeXml;
  EXPECT_EQ(EscapeXml("K\xC3\xB6ln \xE6\x9D\xB1 \xF0\x9F\x91\x8D"),
            "K\xC3\xB6ln \xE6\x9D\xB1 \xF0\x9F\x91\x8D");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(EscapeXml("\xC0\x80"), bad + bad);            // Longer than it need be.
  EXPECT_EQ(EscapeXml("\xED\xA0\x80"), bad + bad + bad);  // A surrogate.
  EXPECT_EQ(EscapeXml("\xF5\x80"), bad + bad);
  EXPECT_EQ(EscapeXml("\xE6\x9D"), bad + bad);  // Cut off.
  EXPECT_EQ(EscapeXml("\xEF\xBF\xBF"), bad);    // No character of XML.
}

TEST(Shorten, CutsBetweenCharacters) {
  EXPECT_EQ(internal::Shorten("K\xC3\xB6ln", 4), "K\xC3\xB6ln");
  EXPECT_EQ(internal::Shorten("K\xC3\xB6ln", 3), "K\xC3\xB6\xE2\x80\xA6");
}

}  // namespace
}  // namespace flwrcpp::datasets
