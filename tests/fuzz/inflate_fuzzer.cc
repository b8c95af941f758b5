// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Messages put together from the objects of a peer. An input is a list of objects, children first;
// their ids are computed here, so that mutations reach what lies behind the hashes.

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <unordered_map>

#include "flwrcpp/message.h"
#include "records/object.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {
namespace {

/// protobuf prints what it refuses.
const google::protobuf::LogSilencer kSilence;

using internal::Object;
using internal::ObjectType;

constexpr std::size_t kMaxObjects = 64;
/// In a JSON body this byte and the next stand for the id of an object.
constexpr char kReference = '\x01';
/// More data than this is not copied: a few bytes can name the same chunk many times.
constexpr std::size_t kMaxData = std::size_t{1} << 20;

bool HasJsonBody(ObjectType type) {
  return type == ObjectType::kArrayRecord || type == ObjectType::kRecordDict;
}

class Objects {
 public:
  void Add(ObjectType type, const std::vector<std::string>& children, std::string body) {
    Object object = internal::MakeObject(type, children, Bytes(std::move(body)));
    ids_.push_back(object.id);
    type_ = type;
    objects_.insert_or_assign(object.id, std::move(object));
  }

  /// Reads one object: type, number of children and their places in the list, body.
  void Read(InputReader& reader) {
    const auto type = static_cast<ObjectType>(reader.Byte() % 7);
    std::vector<std::string> children;
    for (int count = reader.Byte() % 16; count > 0; --count) children.push_back(Id(reader.Byte()));
    const std::string_view piece = reader.Piece();
    std::string body;
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (HasJsonBody(type) && piece[i] == kReference && i + 1 < piece.size()) {
        body += Id(static_cast<std::uint8_t>(piece[++i]));
      } else {
        body += piece[i];
      }
    }
    Add(type, children, std::move(body));
  }

  /// The last object, below a message if it is none.
  std::string Root() {
    if (type_ != ObjectType::kMessage) Add(ObjectType::kMessage, {Id(ids_.size() - 1)}, "");
    return ids_.back();
  }

  std::size_t size() const { return ids_.size(); }

  internal::ObjectSource Source() const {
    return [this](const std::string& id) -> StatusOr<Object> {
      const auto found = objects_.find(id);
      if (found == objects_.end()) return Status(StatusCode::kNotFound, id);
      return found->second;
    };
  }

 private:
  std::string Id(std::size_t place) const {
    return ids_.empty() ? std::string(64, 'a') : ids_[place % ids_.size()];
  }

  std::vector<std::string> ids_;
  std::unordered_map<std::string, Object> objects_;
  ObjectType type_ = ObjectType::kMessage;
};

/// Reads all arrays; false if there is more than `kMaxData`.
bool ReadArrays(const RecordDict& content) {
  std::size_t total = 0;
  for (const auto& [name, record] : content) {
    const auto* const arrays = std::get_if<ArrayRecord>(&record);
    if (arrays == nullptr) continue;
    for (const auto& [key, array] : *arrays) {
      const StatusOr<NpyHeader> header = array.Header();
      total += array.data_size();
      if (total > kMaxData) return false;
      if (!header.ok()) continue;
      std::vector<std::byte> elements(array.data_size() - header->data_offset);
      Require(array.CopyElements(elements).ok(), "elements of an accepted array can be copied");
    }
  }
  return true;
}

internal::ObjectSource SourceOf(const internal::DeflatedMessage& message) {
  return [&message](const std::string& id) -> StatusOr<Object> {
    if (id == message.root.id) return message.root;
    if (message.content != nullptr) {
      for (const Object& object : message.content->objects) {
        if (object.id == id) return object;
      }
    }
    return Status(StatusCode::kNotFound, id);
  };
}

/// An input made of the objects that stock Flower made of a message.
std::string Seed(const testing::Json& message) {
  std::string seed;
  std::vector<std::string> ids;
  for (const auto& object : message.at("objects")) {
    const std::string content = testing::FromHex(object.at("content_hex"));
    const StatusOr<internal::ObjectHead> head = internal::ParseObjectHead(content);
    seed += static_cast<char>(head->type);
    seed += static_cast<char>(head->children.size());
    std::string body = content.substr(head->size);
    for (const std::string& child : head->children) {
      const auto place = std::find(ids.begin(), ids.end(), child) - ids.begin();
      seed += static_cast<char>(place);
      for (std::size_t i = body.find(child); i != std::string::npos; i = body.find(child)) {
        body.replace(i, child.size(), {kReference, static_cast<char>(place)});
      }
    }
    seed += MakePiece(body);
    ids.push_back(object.at("id"));
  }
  return seed;
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const char* name : {"worked_example_instruction", "worked_example_reply",
                           "instruction_with_src_task_id_and_group"}) {
    seeds.push_back(Seed(testing::Vectors().at(name)));
  }
  for (const auto& item : testing::Vectors().at("legacy_compat").items()) {
    if (item.value().contains("dump")) seeds.push_back(Seed(item.value().at("dump")));
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  using fuzz::Require;
  fuzz::InputReader reader(fuzz::AsText(data, size));
  fuzz::Objects objects;
  while (!reader.empty() && objects.size() < fuzz::kMaxObjects) objects.Read(reader);
  if (objects.size() == 0) return 0;

  const StatusOr<Message> message = internal::Inflate(objects.Root(), objects.Source());
  if (!message.ok() || !fuzz::ReadArrays(message->content())) return 0;

  const internal::DeflatedMessage ours = internal::Deflate(*message);
  const StatusOr<Message> again = internal::Inflate(ours.root.id, fuzz::SourceOf(ours));
  Require(again.ok(), "what was inflated can be deflated and inflated again");
  Require(internal::Deflate(*again).root.id == ours.root.id,
          "a message taken apart again has the same id");
  return 0;
}
