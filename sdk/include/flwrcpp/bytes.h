// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace flwrcpp {

/// Immutable bytes that are shared, not copied: a view and the owner that keeps it alive.
///
/// Model parameters travel through the SDK as `Bytes`, so that what arrived in one network
/// buffer is never written a second time. Copies are cheap and safe to use from any thread.
class Bytes {
 public:
  Bytes() = default;

  /// Takes over `text`.
  explicit Bytes(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    view_ = *owner;
    owner_ = std::move(owner);
  }

  /// A view that `owner` keeps alive.
  Bytes(std::shared_ptr<const void> owner, std::string_view view)
      : owner_(std::move(owner)), view_(view) {}

  /// `size` bytes from `offset`; both are cut to what is there.
  Bytes Slice(std::size_t offset, std::size_t size = std::string_view::npos) const {
    return {owner_, view_.substr(offset < view_.size() ? offset : view_.size(), size)};
  }

  std::string_view view() const { return view_; }
  const char* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view_ == b.view_; }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view view_;
};

}  // namespace flwrcpp
