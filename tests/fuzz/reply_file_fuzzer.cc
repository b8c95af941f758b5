// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Replies that an earlier process left in the state directory.

#include <google/protobuf/stubs/logging.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "client/pending_reply.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::fuzz {
namespace {

/// protobuf prints what it refuses.
const google::protobuf::LogSilencer kSilence;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<std::string> Seeds() {
  const testing::TempDir directory;
  const std::string path = directory.File("reply");
  RecordDict content;
  content.Set("m", MetricRecord{{"loss", 0.5}});
  content.Set("a", ArrayRecord{{"w", *Array::From(std::vector<float>{1, 2}, {2})}});
  std::vector<std::string> seeds;
  for (const Message& message :
       {Message(Metadata{}, content), Message(Metadata{}, Error{2, "reason"})}) {
    const Status status = internal::WriteReply(internal::MakePendingReply(message, 1.5), path);
    Require(status.ok(), "a reply can be written");
    seeds.push_back(ReadFile(path));
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  using fuzz::Require;
  // One folder for all inputs: making it would take longer than reading.
  static const testing::TempDir directory;
  const std::string path = directory.File("reply");
  // Some file systems wait for the disk when a file is emptied and written again.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << fuzz::AsText(data, size);

  const StatusOr<internal::PendingReply> reply = internal::ReadReply(path);
  if (!reply.ok()) return 0;
  for (const std::string& id : internal::PostOrder(reply->tree)) {
    Require(reply->objects.contains(id), "a reply has all objects of its tree");
  }
  return 0;
}
