// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flwrcpp {

/// A map from names to values that keeps the order of insertion, as Python's dict does: the order
/// of keys is data on Flower's wire. Not thread-safe.
template <typename Value>
class OrderedMap {
 public:
  using Item = std::pair<std::string, Value>;

  OrderedMap() = default;
  OrderedMap(std::initializer_list<Item> items) {
    for (const Item& item : items) Set(item.first, item.second);
  }

  /// Adds `value` at the end, or replaces the value that `key` has where it stands.
  Value& Set(std::string key, Value value) {
    if (Value* old = Find(key)) return *old = std::move(value);
    index_.emplace(key, items_.size());
    return items_.emplace_back(std::move(key), std::move(value)).second;
  }

  /// The value of `key`, added with its default when it is missing.
  Value& operator[](std::string_view key) {
    if (Value* old = Find(key)) return *old;
    return Set(std::string(key), Value());
  }

  /// The value of `key`, or null.
  const Value* Find(std::string_view key) const {
    const auto found = index_.find(std::string(key));
    return found == index_.end() ? nullptr : &items_[found->second].second;
  }
  Value* Find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).Find(key)); }

  bool contains(std::string_view key) const { return Find(key) != nullptr; }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  void clear() {
    items_.clear();
    index_.clear();
  }

  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  /// The item at a position in the order of insertion; `position` must be below `size()`.
  const Item& item(std::size_t position) const { return items_[position]; }

  friend bool operator==(const OrderedMap& a, const OrderedMap& b) { return a.items_ == b.items_; }

 private:
  std::vector<Item> items_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace flwrcpp
