// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

namespace flwrcpp::server_app {
namespace {

constexpr double kWidth = 560;
constexpr double kHeight = 260;
constexpr double kLeft = 48;
constexpr double kBottom = 32;
constexpr double kTop = 12;
constexpr double kRight = 12;

std::string Escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

struct Curve {
  const char* name;
  const char* color;
  std::optional<double> RoundFigures::*figure;
};

/// One chart as inline SVG; an upper bound of 0 means: the largest value.
std::string Chart(const History& history, const std::string& title,
                  const std::vector<Curve>& curves, double upper) {
  int first = history.rounds.front().server_round;
  int last = std::max(first + 1, history.rounds.back().server_round);
  for (const RoundFigures& figures : history.rounds) {
    for (const Curve& curve : curves) {
      const std::optional<double>& value = figures.*curve.figure;
      if (value && std::isfinite(*value)) upper = std::max(upper, *value);
    }
  }
  if (upper <= 0) upper = 1;
  const auto x = [&](int round) {
    return kLeft + (kWidth - kLeft - kRight) * (round - first) / (last - first);
  };
  const auto y = [&](double value) {
    return kHeight - kBottom - (kHeight - kBottom - kTop) * value / upper;
  };

  std::string svg = fmt::format(
      "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"{}\">\n",
      title, kWidth, kHeight, title);
  for (int step = 0; step <= 4; ++step) {
    const double value = upper * step / 4;
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.2f}</text>\n",
        kLeft, kWidth - kRight, y(value), y(value), kLeft - 6, y(value) + 4, value);
  }
  const int stride = std::max(1, (last - first) / 10);
  for (int round = first; round <= last; round += stride) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                       x(round), kHeight - 10, round);
  }
  std::string legend;
  for (const Curve& curve : curves) {
    std::string points;
    std::string dots;
    for (const RoundFigures& figures : history.rounds) {
      const std::optional<double>& value = figures.*curve.figure;
      if (!value || !std::isfinite(*value)) continue;
      points += fmt::format("{:.1f},{:.1f} ", x(figures.server_round), y(*value));
      dots += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>round {}: {:.4f}"
          "</title></circle>",
          x(figures.server_round), y(*value), curve.color, figures.server_round, *value);
    }
    if (points.empty()) continue;
    svg +=
        fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>{}\n",
                    points, curve.color, dots);
    legend +=
        fmt::format("<span><i style=\"background:{}\"></i>{}</span> ", curve.color, curve.name);
  }
  return svg + "</svg><div class=\"legend\">" + legend + "</div></figure>\n";
}

std::string Cell(const std::optional<double>& value) {
  return value ? fmt::format("<td>{:.4f}</td>", *value) : std::string("<td>–</td>");
}

std::string Rounds(const History& history) {
  std::string html =
      "<table><thead><tr><th>round</th><th>train loss</th><th>eval loss</th><th>eval accuracy</th>"
      "<th>test loss</th><th>test accuracy</th><th>replies (train / evaluate)</th>"
      "<th>failures</th><th>late</th><th>seconds</th></tr></thead><tbody>\n";
  for (const RoundFigures& figures : history.rounds) {
    html += fmt::format(
        "<tr><td>{}</td>{}{}{}{}{}<td>{} / {}</td><td>{}</td><td>{}</td><td>{:.2f}</td></tr>\n",
        figures.server_round, Cell(figures.train_loss), Cell(figures.eval_loss),
        Cell(figures.eval_accuracy), Cell(figures.test_loss), Cell(figures.test_accuracy),
        figures.train_results, figures.evaluate_results,
        figures.train_failures + figures.evaluate_failures,
        figures.train_late + figures.evaluate_late, figures.seconds);
  }
  return html + "</tbody></table>\n";
}

std::string Failures(const History& history) {
  std::string items;
  for (const RoundFigures& figures : history.rounds) {
    for (const std::string& failure : figures.failures) {
      items += fmt::format("<li>round {}, {}</li>\n", figures.server_round, Escape(failure));
    }
  }
  return items.empty() ? "" : "<h2>Failures</h2><ul>\n" + items + "</ul>\n";
}

std::string Settings(const History& history) {
  std::string html = "<h2>Settings</h2><table class=\"settings\"><tbody>\n";
  for (const auto& [name, value] : history.settings) {
    html += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", Escape(name), Escape(value));
  }
  return html + "</tbody></table>\n";
}

constexpr char kStyle[] = R"css(
body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem;color:#1c2430}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}
.charts{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0;flex:1 1 460px}
figcaption{font-weight:600;margin-bottom:.3rem}svg{width:100%;height:auto}
svg text{font-size:11px;fill:#5a6676}.grid{stroke:#e2e6ec}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .35em 0 .8em}
table{border-collapse:collapse;width:100%;margin-top:1.5rem}
th,td{padding:.35rem .6rem;border-bottom:1px solid #e2e6ec;text-align:right}
.settings{width:auto}.settings th,.settings td{text-align:left}
)css";

}  // namespace

std::string ToHtml(const History& history) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>Federated run</title><style>";
  html += kStyle;
  html += "</style></head><body><h1>Federated run</h1>\n";
  if (history.rounds.empty()) return html + "<p>No round was finished.</p></body></html>\n";
  const RoundFigures& last = history.rounds.back();
  html += fmt::format("<p>After round {}", last.server_round);
  if (last.test_accuracy) {
    html += fmt::format(": test accuracy <strong>{:.4f}</strong>", *last.test_accuracy);
  }
  html += ".</p>\n<div class=\"charts\">\n";
  html += Chart(history, "Accuracy by round",
                {{"test images (server)", "#1f6feb", &RoundFigures::test_accuracy},
                 {"validation (nodes)", "#2da44e", &RoundFigures::eval_accuracy}},
                1.0);
  html += Chart(history, "Loss by round",
                {{"test images (server)", "#1f6feb", &RoundFigures::test_loss},
                 {"validation (nodes)", "#2da44e", &RoundFigures::eval_loss},
                 {"training (nodes)", "#d1570f", &RoundFigures::train_loss}},
                0.0);
  html += "</div>\n";
  html += Rounds(history) + Failures(history) + Settings(history);
  return html + "</body></html>\n";
}

}  // namespace flwrcpp::server_app
