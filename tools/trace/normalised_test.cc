// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/normalised.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tools/trace/key_hash.h"
#include "tools/trace/reader.h"
#include "tools/trace/testing/trace_file.h"

namespace cmap::trace {
namespace {

using testing::ReadAll;
using testing::ReadFile;
using testing::TestPath;
using testing::WriteFile;

// Writes the compact form of what `paths` hold.
std::string Normalise(const std::string& path, const std::string& name) {
  const std::string to = TestPath(name);
  TraceReader reader({path}, {});
  NormalisedWriter writer(to);
  Record record;
  while (reader.Next(record)) writer.Add(record, KeyHash(record.key));
  writer.Finish(reader.description());
  return to;
}

std::string Sample() {
  std::string text = "time_us,thread,op,key,size\n";
  const char* ops[] = {"get", "set", "delete", "add", "swap", "cas"};
  std::uint64_t time = 1'000'000;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    time += i % 7 == 0 ? i % 1000 : 0;
    text += std::to_string(time) + ",t" + std::to_string(i / 100 % 5) + ',' + ops[i * i % 6] +
            ",k" + std::to_string(i * 2'654'435'761 % 4999) + ',' +
            (i % 3 == 0 ? "" : std::to_string(i % 11 * 100'000)) + '\n';
  }
  return text;
}

TEST(Normalised, HoldsTheOperationsInOrder) {
  const std::string from = WriteFile("from", Sample());
  const std::string compact = Normalise(from, "compact");
  const auto trace = ReadAll({from});
  NormalisedReader reader(compact);
  EXPECT_EQ(reader.ops(), trace.records.size());
  EXPECT_EQ(reader.keys(), 4999u);
  EXPECT_EQ(reader.clients(), 5u);
  EXPECT_TRUE(reader.has_times() && reader.has_operations() && reader.has_clients());
  std::vector<std::string> keys;
  std::vector<std::uint64_t> clients;
  Step step;
  for (const auto& [record, key] : trace.records) {
    ASSERT_TRUE(reader.Next(step));
    ASSERT_EQ(step.op, record.op);
    ASSERT_EQ(step.time_ns, record.time_ns - trace.records[0].record.time_ns);
    ASSERT_EQ(step.value_bytes, record.value_bytes.value_or(0));
    ASSERT_EQ(step.key_bytes, key.size());
    if (step.key == keys.size()) keys.push_back(key);
    if (step.client == clients.size()) clients.push_back(record.client);
    ASSERT_LT(step.key, keys.size());
    ASSERT_EQ(keys[step.key], key);
    ASSERT_EQ(clients[step.client], record.client);
  }
  EXPECT_FALSE(reader.Next(step));
}

// The hash is of the file's bytes: it changes with the format only, and is the same on the
// other architecture.
TEST(Normalised, IsTheSameEverywhere) {
  const std::string from = WriteFile("from", Sample());
  const std::string bytes = ReadFile(Normalise(from, "compact"));
  EXPECT_EQ(bytes, ReadFile(Normalise(from, "again")));
  EXPECT_EQ(bytes.size(), 567'261u);
  EXPECT_EQ(KeyHash(bytes), 3613770914793883038u);
  EXPECT_LT(bytes.size(), 8 * 100'000u);
}

TEST(Normalised, IsAFormatAsOthers) {
  const std::string compact = Normalise(WriteFile("from", Sample()), "compact");
  // Read as a trace and written again it is the same, as keys keep their order.
  EXPECT_EQ(ReadFile(Normalise(compact, "again")), ReadFile(compact));
}

TEST(Normalised, ThereIsNoUnfinishedFile) {
  const std::string path = TestPath("unfinished");
  {
    NormalisedWriter writer(path);
    writer.Add(Record{.key = "a"}, 1);
  }
  EXPECT_EQ(ReadFile(path), "");
  EXPECT_EQ(ReadFile(path + ".partial"), "");
  EXPECT_THROW(NormalisedWriter("/nonexistent/folder/file"), TraceError);
}

// Cut at any place or with any byte changed, it is refused.
TEST(Normalised, DamageIsFound) {
  const std::string compact =
      Normalise(WriteFile("from", "1,1,get,a,5\n2,2,set,b\n3,1,get,a\n"), "compact");
  const std::string bytes = ReadFile(compact);
  const auto read = [&](const std::string& changed) {
    NormalisedReader reader(WriteFile("changed", changed));
    Step step;
    while (reader.Next(step)) {
    }
  };
  read(bytes);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_THROW(read(bytes.substr(0, n)), TraceError) << n;
  }
  EXPECT_THROW(read(bytes + "x"), TraceError);
  // Not the flags, which say what to make of the rest, and not the counts' slack.
  for (std::size_t n = 40; n < bytes.size(); ++n) {
    std::string changed = bytes;
    changed[n] = static_cast<char>(changed[n] ^ 1);
    EXPECT_THROW(read(changed), TraceError) << n;
  }
}

}  // namespace
}  // namespace cmap::trace
