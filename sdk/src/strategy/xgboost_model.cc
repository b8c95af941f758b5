// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/xgboost_model.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <string>

#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

using Json = nlohmann::ordered_json;

/// XGBoost needs less than 10. Writing text is recursive, so that a limit there must be.
constexpr int kMaxDepth = 32;

/// The member `path` (keys with '/' between them) of `json`.
StatusOr<const Json*> Find(const Json& json, const std::string& path) {
  const Json* value = &json;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string key = path.substr(begin, end - begin);
    if (!value->is_object() || !value->contains(key)) {
      return InvalidArgument("no model of XGBoost: misses {}", path.substr(0, end));
    }
    value = &value->at(key);
    begin = end + 1;
  }
  return value;
}

StatusOr<const Json*> FindArray(const Json& json, const std::string& path) {
  FLWRCPP_ASSIGN_OR_RETURN(const Json* const value, Find(json, path));
  if (value->is_array()) return value;
  return InvalidArgument("no model of XGBoost: {} is {}, expected an array", path,
                         value->type_name());
}

/// A number that XGBoost writes as text.
StatusOr<std::int64_t> FindCount(const Json& json, const std::string& path) {
  FLWRCPP_ASSIGN_OR_RETURN(const Json* const value, Find(json, path));
  if (const auto* const text = value->get_ptr<const std::string*>()) {
    std::int64_t count = 0;
    const char* const end = text->data() + text->size();
    const auto [parsed, error] = std::from_chars(text->data(), end, count);
    if (error == std::errc() && parsed == end && count >= 0 &&
        count <= std::numeric_limits<std::int32_t>::max()) {
      return count;
    }
  }
  return InvalidArgument("no model of XGBoost: {} is not a whole number in quotes", path);
}

StatusOr<Json> ParseJson(std::string_view text) {
  bool too_deep = false;
  // What is too deep is not even stored.
  const auto callback = [&](int depth, Json::parse_event_t, const Json&) {
    if (depth <= kMaxDepth) return true;
    too_deep = true;
    return false;
  };
  Json json;
  FLWRCPP_RETURN_IF_ERROR(CatchExceptions("the JSON parser", [&] {
    json = Json::parse(text.begin(), text.end(), callback, /*allow_exceptions=*/false);
  }));
  if (too_deep) return InvalidArgument("JSON nests deeper than {} levels", kMaxDepth);
  if (json.is_discarded()) {
    return InvalidArgument(
        "{} bytes that are no JSON, expected what XGBoost's save_raw(\"json\") "
        "gives",
        text.size());
  }
  return json;
}

const char kTrees[] = "learner/gradient_booster/model/trees";
const char kTreeInfo[] = "learner/gradient_booster/model/tree_info";
const char kIndptr[] = "learner/gradient_booster/model/iteration_indptr";
const char kNumTrees[] = "learner/gradient_booster/model/gbtree_model_param/num_trees";
const char kNumParallel[] = "learner/gradient_booster/model/gbtree_model_param/num_parallel_tree";

/// @return the number of parallel trees.
StatusOr<std::int64_t> Check(const Json& json) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t num_trees, FindCount(json, kNumTrees));
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t num_parallel, FindCount(json, kNumParallel));
  FLWRCPP_ASSIGN_OR_RETURN(const Json* const trees, FindArray(json, kTrees));
  FLWRCPP_ASSIGN_OR_RETURN(const Json* const tree_info, FindArray(json, kTreeInfo));
  FLWRCPP_ASSIGN_OR_RETURN(const Json* const indptr, FindArray(json, kIndptr));
  if (trees->size() != static_cast<std::size_t>(num_trees) || tree_info->size() != trees->size()) {
    return InvalidArgument("no model of XGBoost: {} trees and {} tree_info, num_trees is {}",
                           trees->size(), tree_info->size(), num_trees);
  }
  if (num_parallel < 1 || num_parallel > num_trees) {
    return InvalidArgument("num_parallel_tree is {}, expected 1 to the {} trees that are there",
                           num_parallel, num_trees);
  }
  if (!std::all_of(trees->begin(), trees->end(), [](const Json& t) { return t.is_object(); })) {
    return InvalidArgument("no model of XGBoost: {} holds something else than trees", kTrees);
  }
  if (!std::all_of(tree_info->begin(), tree_info->end(), [](const Json& g) { return g == 0; })) {
    return InvalidArgument(
        "tree_info is not 0 for all trees: models of several classes or targets cannot be bagged");
  }
  if (indptr->empty() || indptr->back() != num_trees) {
    return InvalidArgument("no model of XGBoost: {} does not end with the number of trees, {}",
                           kIndptr, num_trees);
  }
  return num_parallel;
}

}  // namespace

StatusOr<XgboostModel> XgboostModel::Parse(std::string_view text) {
  FLWRCPP_ASSIGN_OR_RETURN(Json json, ParseJson(text));
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t num_parallel, Check(json));
  return XgboostModel(std::move(json), num_parallel);
}

void XgboostModel::AppendIteration(XgboostModel other) {
  Json& model = Model();
  Json& trees = model["trees"];
  Json& new_trees = other.Model()["trees"];
  for (std::int64_t i = 0; i < other.num_parallel_tree_; ++i) {
    Json& tree = new_trees[static_cast<std::size_t>(i)];
    tree["id"] = trees.size();
    trees.push_back(std::move(tree));
    model["tree_info"].push_back(0);
  }
  model["iteration_indptr"].push_back(trees.size());
  model["gbtree_model_param"]["num_trees"] = std::to_string(trees.size());
}

}  // namespace flwrcpp::internal
