// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/object.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "crypto/encoding.h"
#include "crypto/sha256.h"
#include "crypto/sha256_side_by_side.h"
#include "internal/errors.h"
#include "internal/parallel_for.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr std::array<std::string_view, 7> kTypeNames = {
    "ArrayChunk", "Array", "ArrayRecord", "MetricRecord", "ConfigRecord", "RecordDict", "Message"};

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

/// Python's int() of decimal ASCII digits: an optional sign and leading zeros are fine.
bool ParseLength(std::string_view text, std::size_t& length) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  return error == std::errc() && end == text.data() + text.size();
}

void AppendPostOrder(const ObjectTree& tree, std::unordered_set<std::string_view>& seen,
                     std::vector<std::string>& ids) {
  for (const ObjectTree& child : tree.children) AppendPostOrder(child, seen, ids);
  if (seen.insert(tree.id).second) ids.push_back(tree.id);
}

std::string MakeHead(ObjectType type, const std::vector<std::string>& children,
                     std::size_t body_size) {
  std::string head(kTypeNames[static_cast<std::size_t>(type)]);
  head += ' ';
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (i != 0) head += ',';
    head += children[i];
  }
  head += ' ';
  head += std::to_string(body_size);
  head += '\0';
  return head;
}

}  // namespace

Object MakeObject(ObjectType type, const std::vector<std::string>& children, Bytes body) {
  std::string head = MakeHead(type, children, body.size());
  Object object;
  Sha256 hash;
  hash.Update(head);
  hash.Update(body.view());
  object.id = hash.HexDigest();
  object.head = Bytes(std::move(head));
  object.body = std::move(body);
  return object;
}

std::vector<Object> MakeChunks(std::vector<Bytes> bodies) {
  std::vector<Object> chunks(bodies.size());
  std::vector<HashInput> inputs(bodies.size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    chunks[i].head = Bytes(MakeHead(ObjectType::kArrayChunk, {}, bodies[i].size()));
    chunks[i].body = std::move(bodies[i]);
    inputs[i] = {chunks[i].head.view(), chunks[i].body.view()};
    bytes += chunks[i].size();
  }
  const std::size_t parts = ThreadsForBytes(bytes);
  ParallelFor(parts, parts, [&](std::size_t part) {
    const std::size_t begin = part * chunks.size() / parts;
    const std::size_t end = (part + 1) * chunks.size() / parts;
    std::vector<std::string> ids = Sha256OfEach(std::span(inputs).subspan(begin, end - begin));
    for (std::size_t i = 0; i < ids.size(); ++i) chunks[begin + i].id = std::move(ids[i]);
  });
  return chunks;
}

StatusOr<ObjectHead> ParseObjectHead(std::string_view content) {
  const std::size_t nul = content.find('\0');
  if (nul == std::string_view::npos) {
    return InvalidArgument("object without a NUL between head and body");
  }
  const std::string_view text = content.substr(0, nul);
  const std::size_t first = text.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos || text.find(' ', second + 1) != std::string_view::npos ||
      !IsAscii(text)) {
    return InvalidArgument("object head is not of the form 'type children length'");
  }

  ObjectHead head;
  head.size = nul + 1;
  const auto type = std::find(kTypeNames.begin(), kTypeNames.end(), text.substr(0, first));
  if (type == kTypeNames.end()) {
    return InvalidArgument("object of unknown type '{}'",
                           text.substr(0, std::min<std::size_t>(first, 40)));
  }
  head.type = static_cast<ObjectType>(type - kTypeNames.begin());

  std::string_view children = text.substr(first + 1, second - first - 1);
  while (!children.empty()) {
    const std::size_t comma = std::min(children.find(','), children.size());
    const std::string_view child = children.substr(0, comma);
    if (!child.empty()) {  // Flower passes over empty places between commas
      if (!IsObjectId(child)) {
        return InvalidArgument("object names a child that is no object id: '{}'",
                               child.substr(0, 80));
      }
      head.children.emplace_back(child);
    }
    children.remove_prefix(std::min(comma + 1, children.size()));
  }

  std::size_t length = 0;
  if (!ParseLength(text.substr(second + 1), length)) {
    return InvalidArgument("object head has no body length");
  }
  if (length != content.size() - head.size) {
    return InvalidArgument("object body has {} bytes, but its head says {}",
                           content.size() - head.size, length);
  }
  return head;
}

StatusOr<Object> CheckObject(const std::string& id, Bytes content) {
  const ReceivedObject received{id, std::move(content)};
  return std::move(CheckObjects({&received, 1}).front());
}

std::vector<StatusOr<Object>> CheckObjects(std::span<const ReceivedObject> received) {
  std::vector<HashInput> inputs;
  for (const ReceivedObject& object : received) inputs.push_back({object.content.view(), {}});
  const std::vector<std::string> hashes = Sha256OfEach(inputs);
  std::vector<StatusOr<Object>> objects;
  for (std::size_t i = 0; i < received.size(); ++i) {
    const auto& [id, content] = received[i];
    const StatusOr<ObjectHead> head = ParseObjectHead(content.view());
    if (!head.ok()) {
      objects.emplace_back(head.status());
    } else if (hashes[i] != id) {
      objects.emplace_back(InvalidArgument("object {} has the hash {}", id, hashes[i]));
    } else {
      objects.emplace_back(Object{id, content.Slice(0, head->size), content.Slice(head->size)});
    }
  }
  return objects;
}

std::vector<std::string> PostOrder(const ObjectTree& tree) {
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> ids;
  AppendPostOrder(tree, seen, ids);
  return ids;
}

}  // namespace flwrcpp::internal
